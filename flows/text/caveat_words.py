"""Caveats in words, with the command that shows more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, assert_never

from flows.model.caveats import SHOWN_DAYS, AnswerContext, Caveat, CaveatKind
from flows.text.plural import counted

NAMED_DAYS = 3


type OwnKind = Literal[
    CaveatKind.REFUSED,
    CaveatKind.STALE,
    CaveatKind.SKIPPED,
    CaveatKind.WAITING,
    CaveatKind.LATE,
    CaveatKind.RESTATED,
    CaveatKind.KEPT,
    CaveatKind.RESTORED,
]
"""What is said of a dataset itself in words of here; `reference_words.py` has those of joined tables."""


def caveat(kind: OwnKind, dataset: str, count: int, days: Iterable[date] = ()) -> Caveat:
    """A caveat with its words; `count` is of files, rows or days, as its kind has it."""
    last = tuple(sorted(days)[-SHOWN_DAYS:])
    return Caveat(kind, dataset, count, _words(kind, count, last), _command(kind, dataset), last)


def context_line(context: AnswerContext) -> str:
    """How new an answer is and what is wrong with it, in one line."""
    as_of = context.as_of
    at = as_of.at_utc and f"{datetime.fromisoformat(as_of.at_utc).astimezone():%Y-%m-%d %H:%M:%S}"
    facts = [f"commit {as_of.commit:,}" if as_of.commit else "no commit yet", at, as_of.newest_file]
    line = f"as of {', '.join(fact for fact in facts if fact)}"
    return "; ".join([line, *(f"{each.dataset}: {each.text} ({each.command})" for each in context.caveats)])


def _words(kind: OwnKind, count: int, days: Sequence[date]) -> str:
    files, is_are = counted(count, "file"), "is" if count == 1 else "are"
    match kind:
        case CaveatKind.REFUSED:
            return f"{files} {is_are} refused, and nothing of {'it' if count == 1 else 'them'} is counted"
        case CaveatKind.STALE:
            return f"{files} {is_are} stale: older rows are counted than what lies there now, or rows that are refused"
        case CaveatKind.SKIPPED:
            return f"{counted(count, 'row')} of loaded files {is_are} refused, and not counted"
        case CaveatKind.WAITING:
            return f"{files} {'waits' if count == 1 else 'wait'} to be loaded"
        case CaveatKind.LATE:
            return f"{counted(count, 'day')} {is_are} late{_named(days, count)}"
        case CaveatKind.RESTATED:
            return f"{counted(count, 'day')} {is_are} restated since the close{_named(days, count)}"
        case CaveatKind.KEPT:
            return f"rows of {counted(count, 'deleted file')} are kept"
        case CaveatKind.RESTORED:
            return "the session was restored, and no day was closed since"
        case _:
            assert_never(kind)


def _command(kind: OwnKind, dataset: str) -> str:
    match kind:
        case CaveatKind.REFUSED | CaveatKind.SKIPPED:
            return f"cubefeed findings --dataset {dataset}"
        case CaveatKind.STALE | CaveatKind.KEPT:
            return f"cubefeed files --dataset {dataset}"
        case CaveatKind.WAITING:
            return f"cubefeed files --dataset {dataset} --only detected"
        case CaveatKind.LATE | CaveatKind.RESTATED:
            return "cubefeed status"
        case CaveatKind.RESTORED:
            return f"cubefeed close-day --dataset {dataset}"
        case _:
            assert_never(kind)


def _named(days: Sequence[date], count: int) -> str:
    """The last days, by name."""
    named = [day.isoformat() for day in days[-NAMED_DAYS:]]
    more = [f"and {count - len(named):,} more"] if count > len(named) else []
    return f" ({', '.join([*named, *more])})" if named else ""
