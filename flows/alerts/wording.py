"""What is said of a problem, in the words of a message."""

from __future__ import annotations

from typing import assert_never

from flows.alerts.book import Announcement, Turn
from flows.model.alerts import Alert, Kind, Mood
from flows.text.spans import lasted

BODY_CHARS = 1500
"""What the smallest receivers take whole, of those that are used for this."""


def sender(installation: str) -> str:
    """How messages of an installation begin.

    Args:
        installation: its name among others, or nothing.
    """
    return f"Cubefeed {installation}".strip()


def title_of(said: Announcement, name: str) -> str:
    """A message in one line.

    Args:
        said: what is said.
        name: whose it is, as `sender` has it.
    """
    dataset = f"{said.alert.dataset}: " if said.alert.dataset else ""
    return f"{name}: {dataset}{_sentence(said)}"


def body_of(said: Announcement, url: str | None) -> str:
    """A message in full.

    Args:
        said: what is said.
        url: where people look.
    """
    lines = [_sentence(said), *(said.alert.details.splitlines() if said.turn is not Turn.OVER else [])]
    since = f"since {said.alert.since_utc[:19].replace('T', ' ')} UTC"
    ending = [since, *([f"live page: {url}/"] if url else [])]
    room = BODY_CHARS - len("\n".join(ending)) - 1
    return "\n".join(["\n".join(lines)[:room], *ending])


def mood_of(turn: Turn) -> Mood:
    """How a message looks."""
    return Mood.OVER if turn is Turn.OVER else Mood.WRONG


def _sentence(said: Announcement) -> str:
    match said.turn:
        case Turn.BEGINS:
            return said.alert.text
        case Turn.MORE | Turn.LASTS:
            return f"{said.alert.text}; this has lasted for {lasted(said.lasted_s)}"
        case Turn.OVER:
            return f"{_over(said.alert)}; it lasted {lasted(said.lasted_s)}"
        case _:
            assert_never(said.turn)


def _over(alert: Alert) -> str:
    match Kind(alert.kind):
        case Kind.REFUSED:
            return "no refused file is left"
        case Kind.LATE:
            return "no business day of the last month is late any more"
        case Kind.DEGRADED:
            return "it loads again"
        case Kind.DISK:
            return f"the disk at {alert.subject} has room again"
        case Kind.SESSION:
            return "the session is live again"
        case Kind.PREFECT | Kind.SERVER:
            return "Prefect answers again"
        case Kind.RESTORED:
            return "the restored ledger is in use, and all that lies in the landing directories was looked at again"
        case other:
            assert_never(other)
