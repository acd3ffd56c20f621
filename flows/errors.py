"""The one way in which Cubefeed says what went wrong: what happened, where, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from flows.redaction import without_secrets


def plain(text: object) -> str:
    """Text from files or file names, safe to print: control characters and lone surrogates are escaped."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text
    )


def plain_lines(text: str) -> str:
    """Text of several lines, each of them safe to print."""
    return "\n".join(map(plain, text.split("\n")))


class CubefeedError(Exception):
    """An error that a person can act on.

    Args:
        what: what happened, one sentence without a final full stop.
        next_step: the exact command to type or the edit to make.
        where: fields that say where (file, line, column, expected, got, …), rendered as `name=value`.
    """

    def __init__(self, what: str, *, next_step: str, **where: object) -> None:
        self.what = what
        self.next_step = next_step
        self.where = {name: value for name, value in where.items() if value is not None}
        super().__init__(what, next_step, self.where)

    @property
    def headline(self) -> str:
        """What happened and where, without the next step and without secrets."""
        fields = " ".join(f"{name}={plain(value)}" for name, value in self.where.items())
        return without_secrets(f"{plain(self.what)}{f' [{fields}]' if fields else ''}")

    def __str__(self) -> str:
        return f"{self.headline}. Next: {plain(self.next_step)}"


class DeclarationError(CubefeedError):
    """A dataset's declaration cannot work; it names the field and the fix."""


class EngineUnavailable(CubefeedError):
    """The chosen engine cannot start here."""


class EngineFailed(CubefeedError):
    """The engine refused or lost a change or a query, or is closed."""


class EngineLost(EngineFailed):
    """The engine has failed in a way that it does not recover from: the session has to begin again."""


class Starting(CubefeedError):
    """The cube is not complete yet: it is being filled from the segments, or loaded for the first time."""


class SessionEnded(CubefeedError):
    """The session has ended by itself, since a part of it failed; its process ends with this code (EX_SOFTWARE)."""

    exit_code = 70


class QueryError(CubefeedError):
    """A query names something that the cube does not have, or a value of the wrong type."""


class TooSlow(CubefeedError):
    """A query was interrupted, since it took longer than it may."""

    @classmethod
    def after(cls, seconds: float) -> TooSlow:
        """One that may take so long."""
        return cls(f"This takes longer than {seconds:g} s", next_step="ask for less: fewer levels, a condition")


class TooManyRows(QueryError):
    """An answer has more rows than it may; it was ended as soon as that was known."""

    @classmethod
    def beyond(cls, most: int) -> TooManyRows:
        """One that may have so many."""
        return cls(
            f"The answer has more than {most:,} rows", next_step="ask for fewer levels, or add a condition", most=most
        )


class NobodyWaits(CubefeedError):
    """A question was ended, since who asked has left."""

    @classmethod
    def now(cls) -> NobodyWaits:
        """Nobody reads this."""
        return cls("Who asked has left", next_step="ask again")


class Busy(CubefeedError):
    """Too many questions wait already."""


class StateError(CubefeedError):
    """The state directory cannot be used: locked by another owner, not writable, damaged or of another version."""


def out_of_reach(error: OSError) -> StateError:
    """What a person can do about a file that the system does not let this process use."""
    return StateError(
        f"A file or directory cannot be used ({error.strerror or error})",
        next_step="permit that for this user or put it right, see cubefeed doctor, and try again",
        path=error.filename,
    )


class DiskFull(StateError):
    """A disk, a quota or a limit left no room to write; nothing of it is taken for whole, and it can be tried again."""


class LandingHangs(CubefeedError):
    """A landing directory does not answer: the server of its mount is gone, or stopped."""


class PrefectUnusable(CubefeedError):
    """The Prefect server cannot be used: none is named, it does not answer or refuses, or has something in the way."""


class NotRunning(CubefeedError):
    """No live process owns this state directory."""


class RequestFailed(CubefeedError):
    """A request was refused, withdrawn or failed. `outcome` holds what came of its files, as far as it went."""

    outcome: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def not_served(cls, dataset: str, served: Iterable[str]) -> Self:
        """The session has no such dataset, but these."""
        next_step = f"name one of {', '.join(served)}"
        return cls("The live process does not serve this dataset", next_step=next_step, got=dataset)


class RequestWithdrawn(RequestFailed):
    """A request was taken back before anything was done for it, so that it can be made again."""


class LedgerUnavailable(RequestFailed):
    """The ledger cannot be read or written now, so that a request is as it was."""


class Interrupted(CubefeedError):
    """Who asked did not want to wait any longer."""

    @classmethod
    def after(cls, error: CubefeedError) -> Interrupted:
        """What became of the request is said by that error."""
        return cls(error.what, next_step=error.next_step, **error.where)
