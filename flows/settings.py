"""Settings, read once from the environment; the command line sets the same variables for what it starts.

Classes of our own: importing pydantic-settings takes longer than the whole of `cubefeed --help`, and a dataclass, whose
methods are compiled when it is made, longer than a tuple with names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import starmap
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

from flows.errors import DeclarationError

Observer = Literal["auto", "native", "polling"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
PREFIX = "CUBEFEED_"
PORTS = range(65536)
MEMORY = "60%"
"""What the cube and the answers to questions may take together, of what the computer or the container has: the rest is
for files that are read, for answers on their way, and for other programs."""
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")
_SIZE = re.compile(r"(?P<number>[1-9]\d*(\.\d+)?|0\.\d*[1-9]) ?(?P<unit>[MGT]B|%)")


class Kind[T](NamedTuple):
    """What a variable may hold.

    Args:
        convert: makes the value of the variable's text; ValueError where it is none.
        fits: whether that value can be used.
        expected: what can be used, in words.
    """

    convert: Callable[[str], T]
    fits: Callable[[T], bool] = lambda _: True
    expected: str = ""

    def read(self, variable: str, text: str) -> T:
        """The value that a variable's text means.

        Raises:
            DeclarationError: it cannot be used.
        """
        try:
            value = self.convert(text)
            if self.fits(value):
                return value
        except ValueError:
            pass
        raise DeclarationError(f"{variable} cannot be used", next_step=f"set it to {self.expected}", got=text)


class Variable(NamedTuple):
    """A variable of the environment, as `deployments/REFERENCE.md` has it.

    Args:
        name: of the variable.
        meaning: in markdown, with the unit.
        default: in words.
    """

    name: str
    meaning: str
    default: str = ""


def _is_memory(text: str) -> bool:
    found = _SIZE.fullmatch(text)
    return found is not None and (found["unit"] != "%" or float(found["number"]) <= 100)


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and text != "unnamed"


def _one_of[T: str](choices: object, convert: Callable[[str], Any] = str) -> Kind[T]:
    texts = get_args(choices)
    return Kind(convert, texts.__contains__, " or ".join(texts))


_TEXT = Kind(str)
_PATH = Kind(Path)
_PORT = Kind(int, PORTS.__contains__, "a port from 0 to 65535")
_SECONDS = Kind(float, lambda seconds: 0 <= seconds < inf, "0 or more seconds")
_INSTALLATION = Kind(str, _is_name, "up to 40 of a-z, 0-9 and -, beginning with one of the first two; not to `unnamed`")
_MEMORY = Kind(str, _is_memory, "a size or a share, such as 4GB, 500MB or 60%")


class Setting(NamedTuple):
    """What a field of the settings is.

    Args:
        meaning: in markdown, with the unit.
        kind: what its variable may hold.
        default: in words, where the value does not say it.
    """

    meaning: str
    kind: Kind[Any] = _TEXT
    default: str = ""


@dataclass(frozen=True)
class Settings:
    """One installation's settings. Each field is the variable CUBEFEED_<FIELD>, of which an empty one counts as not
    set, and a row in `deployments/REFERENCE.md`."""

    state: Annotated[
        Path, Setting("state directory: ledger, segments, quarantine, reports, backups, Prefect's home", _PATH)
    ] = Path("data/state")
    name: Annotated[
        str,
        Setting(
            "tells this installation from others on the same Prefect server: `eu` makes its deployments "
            "`close-day/eu-sales` and `keep-cube-live/eu-cube`, and tags them and their runs `cubefeed:eu`",
            _INSTALLATION,
        ),
    ] = ""
    datasets: Annotated[str, Setting("comma-separated names, or `path/to/file.py:NAME`")] = "sales"
    engine: Annotated[str, Setting("`duckdb` or `atoti`")] = "duckdb"
    memory: Annotated[
        str,
        Setting(
            "what the cube and the answers to questions may take together, such as `4GB`, of what the computer or the "
            "container has",
            _MEMORY,
        ),
    ] = MEMORY
    observer: Annotated[
        Observer,
        Setting("`native`, `polling`, or `auto`, which polls network and container mounts", _one_of(Observer)),
    ] = "auto"
    settle_s: Annotated[
        float | None, Setting("seconds without a change until a file counts as complete", _SECONDS, "the observer's")
    ] = None
    landing: Annotated[Path | None, Setting("replaces the landing directory of the one dataset", _PATH)] = None
    host: Annotated[str, Setting("address at which the live page and the read API listen")] = "127.0.0.1"
    port: Annotated[int, Setting("their port; `0` takes a free one", _PORT)] = 0
    proxy: Annotated[
        str,
        Setting(
            "addresses of the reverse proxies in front of it, or networks, whose `X-Forwarded-*` headers are believed"
        ),
    ] = ""
    prefect_port: Annotated[
        int, Setting("port of the Prefect server that `up` starts; `0` takes a free one", _PORT)
    ] = 4200
    log_level: Annotated[
        LogLevel, Setting("level of the log: `DEBUG`, `INFO`, `WARNING` or `ERROR`", _one_of(LogLevel, str.upper))
    ] = "INFO"

    @classmethod
    def read(cls, **given: object) -> Settings:
        """Settings from the environment; what is given and not None comes first.

        Raises:
            DeclarationError: a variable holds what cannot be used.
        """
        texts = {name: os.environ.get(_variable_of(name), "") for name in declared_settings()}
        texts |= {name: str(value) for name, value in given.items() if value is not None}
        found = {
            name: setting.kind.read(_variable_of(name), texts[name])
            for name, setting in declared_settings().items()
            if texts[name]
        }
        return cls(**found)

    def environment(self) -> dict[str, str]:
        """The variables that make another process read the same settings."""
        return {_variable_of(name): str(value) for name, value in asdict(self).items() if value is not None}


@cache
def declared_settings() -> dict[str, Setting]:
    """What each field of the settings is."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()}


TOKEN_VARIABLE = Variable(
    f"{PREFIX}TOKEN", "what readers of the page and of the API have to know; `cubefeed token` makes one"
)
"""A secret is no field of the settings, which are handed on to each process that is started."""
ALERTS_VARIABLE = Variable(
    f"{PREFIX}ALERTS",
    "who is told what went wrong: [apprise](https://appriseit.com/services/) addresses with a space between them, each "
    "with what it is told in front, such as `problem,report=mailto://…`: `problem`, `late`, `report` or `all`",
    "nobody; `problem,late` for an address without any",
)
HEARTBEAT_VARIABLE = Variable(
    f"{PREFIX}HEARTBEAT_URL", "an address that is called (GET) every minute while the session is live and well"
)
"""These hold secrets too."""


def variables() -> tuple[Variable, ...]:
    """All variables that Cubefeed reads."""
    return (*starmap(_as_variable, declared_settings().items()), TOKEN_VARIABLE, ALERTS_VARIABLE, HEARTBEAT_VARIABLE)


def _as_variable(name: str, setting: Setting) -> Variable:
    value = getattr(Settings, name)
    return Variable(
        _variable_of(name), setting.meaning, setting.default or (f"`{value}`" if value not in (None, "") else "")
    )


def is_in_environment(name: str) -> bool:
    """Whether the environment has a value for this field."""
    return bool(os.environ.get(_variable_of(name)))


def _variable_of(name: str) -> str:
    return PREFIX + name.upper()
