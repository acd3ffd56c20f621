"""Checks of what authors declare: their files are not type-checked, so each value is."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, ClassVar, Protocol

from flows.errors import DeclarationError


class _Declared(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def declared_words(options: _Declared) -> str:
    """A group of options as an author writes it: those that are no default. It is part of fingerprints, where an option
    that comes later changes nothing for those who do not use it."""
    default = {
        each.name: each.default if each.default_factory is MISSING else each.default_factory()
        for each in fields(options)
    }
    given = {name: getattr(options, name) for name in default}
    chosen = ", ".join(f"{name}={value!r}" for name, value in given.items() if value != default[name])
    return f"{type(options).__name__}({chosen})"


def wrong(name: str, expected: str, got: object) -> DeclarationError:
    """The error of a value that cannot be used, with what it has to be."""
    return DeclarationError(f"The dataset's {name} cannot be used", next_step=f"make {name} {expected}", got=got)


def require(condition: bool, name: str, expected: str, got: object) -> None:
    """Refuse a value.

    Raises:
        DeclarationError: the condition does not hold.
    """
    if not condition:
        raise wrong(name, expected, got)


def require_kind(name: str, value: object, *kinds: type) -> None:
    """Refuse a value of another class; None is one of them where `NoneType` is named."""
    expected = " or ".join(f"{kind.__name__}(…)" for kind in kinds if kind is not NoneType)
    require(isinstance(value, kinds), name, expected, value)
