"""Settings, read once from the environment; the command line sets the same variables for what it starts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from math import inf
from pathlib import Path
from typing import Literal, get_args, get_type_hints

from flows.errors import DeclarationError

Observer = Literal["auto", "native", "polling"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
PREFIX = "CUBEFEED_"
PORTS = range(65536)
MEMORY = "60%"
"""What the cube and the answers to questions may take together, of what the computer or the container has: the rest is
for files that are read, for answers on their way, and for other programs."""
_SIZE = re.compile(r"(?P<number>[1-9]\d*(\.\d+)?|0\.\d*[1-9]) ?(?P<unit>[MGT]B|%)")


@dataclass(frozen=True)
class Settings:
    """One installation's settings; each field is the variable CUBEFEED_<FIELD>.

    Args:
        state: the state directory.
        datasets: comma-separated names (`sales`) or `path/to/file.py:NAME`.
        engine: `duckdb` or `atoti`.
        memory: what the cube and the answers to questions may take of it together, in the embedded engine.
        observer: how the landing directories are watched; `auto` polls network and container mounts.
        settle_s: seconds without a change after which a file counts as complete; empty leaves it to the observer.
        landing: replaces the landing directory of the one dataset.
        host: address that the live page and the read API bind to.
        port: their port; 0 takes a free one.
        proxy: addresses of the reverse proxies in front of it, whose X-Forwarded-* headers are believed.
        prefect_port: the port of the Prefect server that `up` starts.
        log_level: level of the log on standard error.
    """

    state: Path = Path("data/state")
    datasets: str = "sales"
    engine: str = "duckdb"
    memory: str = MEMORY
    observer: Observer = "auto"
    settle_s: float | None = None
    landing: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    proxy: str = ""
    prefect_port: int = 4200
    log_level: LogLevel = "INFO"

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
    if name == "memory":
        return _checked(name, text, str, _is_memory, "a size or a share, such as 4GB, 500MB or 60%")
    if kind is int:
        return _checked(name, text, int, lambda port: port in PORTS, "a port from 0 to 65535")
    if kind == float | None:
        return _checked(name, text, float, lambda seconds: 0 <= seconds < inf, "0 or more seconds")
    if kind in (Observer, LogLevel):
        choices = get_args(kind)
        return _checked(name, text, str if kind is Observer else str.upper, choices.__contains__, " or ".join(choices))
    return text


def _is_memory(text: str) -> bool:
    found = _SIZE.fullmatch(text)
    return found is not None and (found["unit"] != "%" or float(found["number"]) <= 100)


def _checked[T](name: str, text: str, convert: Callable[[str], T], fits: Callable[[T], bool], expected: str) -> T:
    try:
        value = convert(text)
        if fits(value):
            return value
    except ValueError:
        pass
    raise DeclarationError(f"{PREFIX}{name.upper()} cannot be used", next_step=f"set it to {expected}", got=text)
