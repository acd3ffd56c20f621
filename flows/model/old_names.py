"""The names that the options of a dataset had in 0.1.0: each is refused with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass

from flows.errors import DeclarationError
from flows.model.declaration import declared_words

RENAMED = {"csv": "format", "from_name": "from_path"}
"""Old name → new name."""
GROUPED = {
    "settle_s": ("completeness", "settle_s"),
    "marker": ("completeness", "marker"),
    "manifest": ("completeness", "manifest"),
    "rows": ("completeness", "rows"),
    "max_bytes": ("limits", "file_bytes"),
    "read_memory_bytes": ("limits", "read_memory_bytes"),
    "quarantine_bytes": ("limits", "quarantine_bytes"),
    "quarantine_days": ("limits", "quarantine_days"),
}
"""Old name → the option that it is a part of now, and its name there."""


def refuse_old_names(options: Mapping[str, object]) -> None:
    """Refuse options by their old names, all of them together.

    Raises:
        DeclarationError: there are some; it says what to write instead, with the values given.
    """
    old = [name for name in options if name in RENAMED or name in GROUPED]
    if old:
        raise DeclarationError(
            "Options of the dataset have other names now",
            next_step=f"write {', '.join(_new_names({name: options[name] for name in old}))}",
            got=", ".join(old),
        )


def _new_names(options: Mapping[str, object]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for old, value in options.items():
        if old in RENAMED:
            yield f"{RENAMED[old]}={_written(value)}"
        else:
            group, name = GROUPED[old]
            groups.setdefault(group, []).append(f"{name}={_written(value)}")
    for group, parts in groups.items():
        yield f"{group}={group.capitalize()}({', '.join(parts)})"


def _written(value: object) -> str:
    """A value as one would write it: of a class, what is not as by default."""
    return declared_words(value) if is_dataclass(value) and not isinstance(value, type) else repr(value)
