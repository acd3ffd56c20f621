"""Settings, read once from the environment; the command line sets the same variables for what it starts."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args, get_type_hints

from flows.errors import DeclarationError

Observer = Literal["auto", "native", "polling"]
PREFIX = "CUBEFEED_"


@dataclass(frozen=True)
class Settings:
    """One installation's settings; each field is the variable CUBEFEED_<FIELD>.

    Args:
        state: the state directory.
        datasets: comma-separated names (`sales`) or `path/to/file.py:NAME`.
        engine: `duckdb` or `atoti`.
        observer: how the landing directories are watched; `auto` polls network and container mounts.
        settle_s: seconds without a change after which a file counts as complete; empty leaves it to the observer.
        landing: replaces the landing directory of the one dataset.
        host: address that the live page and the read API bind to.
        port: their port; 0 takes a free one.
        prefect_port: the port of the Prefect server that `up` starts.
        log_level: level of the log on standard error.
    """

    state: Path = Path("data/state")
    datasets: str = "sales"
    engine: str = "duckdb"
    observer: Observer = "auto"
    settle_s: float | None = None
    landing: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    prefect_port: int = 4200
    log_level: str = "INFO"

    @classmethod
    def read(cls, **given: object) -> Settings:
        """Settings from the environment; what is given and not None comes first."""
        hints = get_type_hints(cls)
        read = {
            field.name: _convert(field.name, hints[field.name], os.environ[PREFIX + field.name.upper()])
            for field in fields(cls)
            if os.environ.get(PREFIX + field.name.upper())
        }
        return cls(**{**read, **{name: value for name, value in given.items() if value is not None}})  # type: ignore[arg-type]  # converted by the field's type above

    def environment(self) -> dict[str, str]:
        """The variables that make another process read the same settings."""
        return {PREFIX + name.upper(): str(value) for name, value in asdict(self).items() if value is not None}


def _convert(name: str, kind: object, text: str) -> object:
    if kind in (Path, Path | None):
        return Path(text)
    choices = get_args(kind) if kind is Observer else ()
    try:
        if choices and text not in choices:
            raise ValueError(text)
        if kind in (int, float | None):
            return int(text) if kind is int else float(text)
    except ValueError:
        raise DeclarationError(
            f"{PREFIX}{name.upper()} cannot be used",
            next_step=f"set it to {' or '.join(choices) if choices else 'a number'}",
            got=text,
        ) from None
    return text
