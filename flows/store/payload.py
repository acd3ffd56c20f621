"""What a request says. Anybody who may write the ledger can have written it, so each part is checked, here alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from flows.errors import RequestFailed
from flows.model.calendar import in_zone

Kind = Literal["load", "reload", "unload", "rebuild", "verify", "close-day", "report", "accept"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_BYTES = 32 << 20
MAX_NAMES = 100_000
"""Names in one request; a pattern says more than so many."""
MAX_LENGTH = 4096
"""Of a text: as long as Linux lets a path be."""


@dataclass(frozen=True)
class Payload:
    """The parameters of a request; which of them count depends on its kind.

    Args:
        paths: names or patterns of files; none means all.
        working_directory: that of who asks; in JSON `asked_in`.
        since: only files found at or after this moment.
        where: conditions LEVEL=VALUE on the rows of a file.
        force: read the files again, also those of which nothing is new; a duplicate stays one.
        dry_run: say what would change, and change nothing.
        deep: verify against the landing files.
        accept_keys: merge the rows under another key from now on.
        date: the business day of a report, or the one to close.
        as_of: the moment at which the day to close is due, where no date says which it is.
        run: the Prefect run that asks.
    """

    paths: tuple[str, ...] = ()
    working_directory: str = ""
    since: datetime | None = None
    where: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False
    deep: bool = False
    accept_keys: bool = False
    date: date | None = None
    as_of: datetime | None = None
    run: str | None = None


def parse_kind(text: str) -> Kind:
    """The kind of a request.

    Raises:
        RequestFailed: there is none of that name.
    """
    for kind in KINDS:
        if kind == text:
            return kind
    raise RequestFailed("There is no request of that kind", next_step=f"use one of {', '.join(KINDS)}", got=text[:100])


def parse_payload(text: bytes) -> Payload:
    """The parameters that a JSON object says; null says nothing.

    Raises:
        RequestFailed: it is no object, or a parameter is unknown, of another type, too long, or no text of a file
            name, date or time.
    """
    if len(text) > MAX_BYTES:
        raise RequestFailed("The request is too large", next_step="use a pattern in place of names", most=MAX_BYTES)
    try:
        given = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise RequestFailed("The request is no JSON", next_step="write a JSON object") from None
    if not isinstance(given, dict):
        raise RequestFailed("The request is no JSON object", next_step='write for example {"paths": ["a.csv"]}')
    checked = {_FIELDS.get(name, name): _check(name, value) for name, value in given.items() if value is not None}
    return Payload(**checked)


def _check(name: str, value: object) -> Any:
    if name not in _CHECKS:
        raise RequestFailed(
            "There is no parameter of that name", next_step=f"use one of {', '.join(_CHECKS)}", got=_short(name)
        )
    return _CHECKS[name](name, value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refusal(name, "true or false", value)
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_LENGTH or "\0" in value:
        raise _refusal(name, f"a text of at most {MAX_LENGTH} characters, without NUL", value)
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise _refusal(name, "a text that a file name can hold", value) from None
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _refusal(name, "a list of texts", value)
    if len(value) > MAX_NAMES:
        raise _refusal(name, f"a list of at most {MAX_NAMES:,} texts", f"{len(value):,} of them")
    return tuple(_text(name, each) for each in value)


def _moment(name: str, value: object) -> datetime | None:
    text = _text(name, value)
    try:
        return in_zone(datetime.fromisoformat(text), UTC) if text else None
    except ValueError:
        raise _refusal(name, "a time such as 2021-05-01 or 2021-05-01T08:00", value) from None


def _day(name: str, value: object) -> date | None:
    text = _text(name, value)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _refusal(name, "a date such as 2021-05-01", value) from None


_FIELDS: Mapping[str, str] = {"asked_in": "working_directory"}
"""Parameters that have another name in JSON, which is that of earlier versions."""
_CHECKS: Mapping[str, Callable[[str, object], Any]] = {
    "paths": _texts,
    "asked_in": _text,
    "since": _moment,
    "where": _texts,
    "force": _flag,
    "dry_run": _flag,
    "deep": _flag,
    "accept_keys": _flag,
    "date": _day,
    "as_of": _moment,
    "run": _text,
}


def _refusal(name: str, expected: str, value: object) -> RequestFailed:
    return RequestFailed(f"{name} cannot be used", next_step=f"make it {expected}", got=_short(value))


def _short(value: object) -> str:
    return repr(value)[:100]
