"""What people are told of: problems, what is known of each, and the messages that wait."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be wrong."""

    REFUSED = "refused"
    LATE = "late"
    DEGRADED = "degraded"
    DISK = "disk"
    SESSION = "session"
    PREFECT = "prefect"
    SERVER = "server"
    RESTORED = "restored"


class Mood(StrEnum):
    """How a message looks: the words of apprise, which gives each a colour of its own."""

    WRONG = "failure"
    OVER = "success"
    NEWS = "info"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong now.

    Args:
        kind: what.
        text: in one line, without the dataset.
        dataset: whose; empty where it is no dataset's.
        subject: which disk, which day; empty where there is only one.
        details: further lines.
        news: grows with what is worth another message while it lasts.
    """

    kind: Kind
    text: str
    dataset: str = ""
    subject: str = ""
    details: str = ""
    news: int = 0


@dataclass(frozen=True)
class Alert:
    """A problem and what was said of it, as the ledger keeps it; times are UTC, as `runtime.clock` writes them.

    Args:
        kind: see `Problem`, as the others up to `news`.
        dataset: whose.
        subject: which.
        text: in one line.
        details: further lines.
        news: what is worth another message.
        since_utc: when it began.
        changed_utc: when there was news last.
        said_utc: when a message was made of it last; None where none was.
        said_news: the news of that message.
        gone_utc: since when it is not seen any more.
        over_utc: when it was said that it is over; it is remembered for a while.
        returns: how often it came back soon after it had gone.
    """

    kind: str
    dataset: str
    subject: str
    text: str
    details: str
    news: int
    since_utc: str
    changed_utc: str
    said_utc: str | None = None
    said_news: int = 0
    gone_utc: str | None = None
    over_utc: str | None = None
    returns: int = 0

    @property
    def key(self) -> AlertKey:
        return self.kind, self.dataset, self.subject


type AlertKey = tuple[str, str, str]


@dataclass(frozen=True)
class Message:
    """A message that waits for one address.

    Args:
        address: its mark.
        title: one line.
        body: several.
        mood: how it looks.
        made_utc: when it was made.
        page: a file that goes with it.
        tries: how often it was sent in vain.
    """

    address: str
    title: str
    body: str
    mood: str
    made_utc: str
    page: str | None = None
    tries: int = 0
