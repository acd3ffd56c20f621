"""When something is said of a problem: once when it begins, once a day while it lasts, and once when it is over.

Looks come again and again, each with all that is wrong at that moment. What comes and goes within seconds is not said,
and what comes back again and again counts as one problem that lasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from flows.model.alerts import Alert, AlertKey, Kind, Problem

SETTLE = {
    Kind.REFUSED: timedelta(seconds=5),
    Kind.DEGRADED: timedelta(seconds=10),
    Kind.PREFECT: timedelta(minutes=2),
}
"""How long a problem has to last, without news, until it is said; 0 for the others. Files are refused in bursts, a
dataset is tried again after five seconds, and a Prefect server that is started again needs twenty."""
GATHER = timedelta(minutes=1)
"""What goes on longer is said in any case."""
NEWS = timedelta(hours=1)
"""How often at most more of the same is said while a problem lasts."""
REPEAT = timedelta(days=1)
CLEAR = timedelta(seconds=10)
"""How long a problem has to stay away until it is over: twice as long each time that it came back soon."""
CLEAR_MOST = timedelta(hours=1)
OLD = timedelta(days=3)
"""What was not said for so long, since nobody was there to be told, is not said any more."""


class Turn(Enum):
    """What is said of a problem."""

    BEGINS = "it has begun"
    MORE = "there is more of it"
    LASTS = "it still lasts"
    OVER = "it is over"


class Announcement(NamedTuple):
    """Something to be said now.

    Args:
        alert: of what.
        turn: what of it.
        lasted_s: how long it has lasted.
    """

    alert: Alert
    turn: Turn
    lasted_s: float


@dataclass(frozen=True)
class DayNote:
    """The report of a day that was closed.

    Args:
        title: one line.
        body: several.
        page: the report, where it lies.
    """

    title: str
    body: str
    page: str | None


@dataclass(frozen=True)
class Look:
    """What a look found.

    Args:
        problems: all that is wrong.
        looked: the kinds that it has looked for: what is not found of these has gone.
        reports: of days that were closed since the last look.
    """

    problems: tuple[Problem, ...] = ()
    looked: frozenset[Kind] = frozenset()
    reports: tuple[DayNote, ...] = ()


class AlertBook:
    """All problems that are known, and what was said of each.

    Args:
        known: what was known before.
        now: the time.
    """

    def __init__(self, known: Iterable[Alert] = (), *, now: datetime) -> None:
        young = (alert for alert in known if alert.said_utc or now - _time(alert.since_utc) < OLD)
        self._alerts: dict[AlertKey, Alert] = {alert.key: alert for alert in young}

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(self._alerts.values())

    @property
    def unsettled(self) -> bool:
        """Whether something will be said soon if nothing changes."""
        return any(alert.over_utc is None and (not alert.said_utc or alert.gone_utc) for alert in self.alerts)

    def note(self, look: Look, now: datetime) -> list[Announcement]:
        """What is to be said after a look."""
        found = {(problem.kind.value, problem.dataset, problem.subject): problem for problem in look.problems}
        said = [each for key, problem in found.items() if (each := self._see(key, problem, now)) is not None]
        missed = [alert for key, alert in self._alerts.items() if key not in found and alert.kind in look.looked]
        return said + [each for alert in missed if (each := self._miss(alert, now)) is not None]

    def _see(self, key: AlertKey, problem: Problem, now: datetime) -> Announcement | None:
        alert = _seen(self._alerts.get(key), problem, _text(now))
        turn = _due(alert, now)
        if turn is not None:
            alert = replace(alert, said_utc=_text(now), said_news=alert.news)
        self._alerts[key] = alert
        return Announcement(alert, turn, _since(alert.since_utc, now)) if turn is not None else None

    def _miss(self, alert: Alert, now: datetime) -> Announcement | None:
        """What a look has not found any more."""
        if alert.over_utc is not None:
            if now - _time(alert.over_utc) >= CLEAR_MOST:
                del self._alerts[alert.key]
        elif alert.said_utc is None:
            del self._alerts[alert.key]
        elif alert.gone_utc is None:
            self._alerts[alert.key] = replace(alert, gone_utc=_text(now))
        elif now - _time(alert.gone_utc) >= min(CLEAR * 2 ** min(alert.returns, 20), CLEAR_MOST):
            self._alerts[alert.key] = over = replace(alert, over_utc=_text(now))
            return Announcement(over, Turn.OVER, _since(alert.since_utc, _time(alert.gone_utc)))
        return None


def _seen(before: Alert | None, problem: Problem, now_utc: str) -> Alert:
    """A problem as it is now."""
    if before is None or before.over_utc is not None:
        returns = before.returns + 1 if before is not None else 0
        shown = vars(problem) | {"kind": problem.kind.value}
        return Alert(**shown, since_utc=now_utc, changed_utc=now_utc, returns=returns)
    return replace(
        before,
        text=problem.text,
        details=problem.details,
        news=problem.news,
        changed_utc=now_utc if problem.news > before.news else before.changed_utc,
        gone_utc=None,
        returns=before.returns + (before.gone_utc is not None),
    )


def _due(alert: Alert, now: datetime) -> Turn | None:
    """What is to be said of a problem that is there."""
    settle = SETTLE.get(Kind(alert.kind), timedelta())
    settled = now - _time(alert.changed_utc) >= settle
    if alert.said_utc is None:
        return Turn.BEGINS if settled or now - _time(alert.since_utc) >= max(settle, GATHER) else None
    silent = now - _time(alert.said_utc)
    if alert.news > alert.said_news and settled and silent >= NEWS:
        return Turn.MORE
    return Turn.LASTS if silent >= REPEAT else None


def _since(utc: str, now: datetime) -> float:
    return (now - _time(utc)).total_seconds()


def _time(utc: str) -> datetime:
    return datetime.fromisoformat(utc)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
