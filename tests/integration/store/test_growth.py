"""What a file leaves behind that is rewritten again and again: the ledger, the log, what restores have put aside."""

from __future__ import annotations

import logging
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from flows.ingest.outcome_log import QUIET_S, OutcomeLog
from flows.ingest.work import FileOutcome, Outcome
from flows.store import exchange, expiry
from flows.store.exchange import old_ledgers, remove_old_ledgers
from flows.store.expiry import prune
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.requests import RequestBox
from flows.store.schema import batches, requests, versions
from tests.integration.live_feed import live, sales

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules, for fewer of all."""
    monkeypatch.setattr(expiry, "VERSIONS", 5)
    monkeypatch.setattr(expiry, "REQUESTS", 5)
    monkeypatch.setattr(expiry, "EVERY_BATCHES", 10)


def rows_in(ledger: Ledger) -> tuple[int, int]:
    """How many versions and batches a ledger has."""
    with ledger.reading() as connection:
        counts = (connection.scalar(select(func.count()).select_from(table)) for table in (versions, batches))
        return tuple(int(count or 0) for count in counts)  # type: ignore[return-value]


@pytest.mark.parametrize("content", ["good", "bad", "in turn"])
@pytest.mark.slow
def test_a_file_that_is_rewritten_again_and_again_leaves_a_bounded_ledger_and_the_right_cube(
    tmp_path: Path, content: str
) -> None:
    with live(tmp_path, "native") as living:
        living.put("other.csv", sales(7, start=100))
        living.wait_for({100: 7})
        for number in range(50):
            is_bad = content == "bad" or (content == "in turn" and number % 2)
            living.put("a.csv", sales(number + 1) + (b"2,no date,mouse,1\n" if is_bad else b""))
            living.wait_until(lambda: len(living.outcome_states("a.csv")) > number)  # noqa: B023
        expected = {100: 7} | {"good": {1: 50}, "bad": {}, "in turn": {1: 49}}[content]
        assert living.quantities() == expected
        found = rows_in(living.feed.ledger)
        assert max(found) < 5 + 2 * 10 + 5, found
        current = {row.file: (row.state, row.current) for row in living.files() if row.state != "quarantined"}
        assert current == {"other.csv": ("loaded", True)} | ({} if content == "bad" else {"a.csv": ("loaded", True)})
    with live(tmp_path, "native") as again:
        again.look()
        assert again.quantities() == expected


def test_up_to_the_limit_no_version_is_forgotten_and_beyond_it_the_oldest(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        for number in range(expiry.VERSIONS):
            living.put("a.csv", sales(number + 1))
            living.wait_for({1: number + 1})
        assert prune(living.feed.ledger).versions == 0
        living.put("a.csv", sales(100))
        living.wait_for({1: 100})
        assert (prune(living.feed.ledger).versions, rows_in(living.feed.ledger)[0]) == (1, expiry.VERSIONS)


def test_what_is_in_the_cube_is_never_forgotten_however_often_its_file_is_refused_since(
    tmp_path: Path,
) -> None:
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        for number in range(3 * expiry.VERSIONS):
            living.put("a.csv", sales(number) + b"2,no date,mouse,1\n")
            living.wait_until(lambda: len(living.outcome_states("a.csv")) > number + 1)  # noqa: B023
        assert prune(living.feed.ledger).versions > 0
        row = next(row for row in living.files() if row.current)
        assert (row.file, row.stale, living.quantities()) == ("a.csv", True, {1: 1})


def test_requests_that_have_ended_are_forgotten_but_for_the_last_and_those_that_wait_are_not(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / "ledger.db")) as ledger, closing(RequestBox(ledger)) as box:
        waits = box.leave("sales", "load", {})
        for _ in range(expiry.REQUESTS + 2):
            assert box.withdraw(box.leave("sales", "load", {}))
        assert prune(ledger).requests == 2
        with ledger.reading() as connection:
            left = list(connection.scalars(select(requests.c.id).order_by(requests.c.id)))
        assert left == [waits, *range(waits + 3, waits + 3 + expiry.REQUESTS)]
        assert box.leave("sales", "load", {}) == left[-1] + 1, "a number was given out twice"


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_same_of_the_same_file_is_logged_once_a_minute_with_how_often_it_was(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    written = OutcomeLog(clock)
    for second in range(3600):
        clock.now = float(second)
        written.note(Outcome("sales", (FileOutcome("a.csv", "quarantined", reason="bad"),)))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 * 3600 / QUIET_S - 1
    assert lines[:2] == [
        "sales: a.csv quarantined, 0 rows: bad; see cubefeed findings",
        "sales: a.csv quarantined, 59 more times within 60 s",
    ]


def test_another_state_or_another_file_is_logged_at_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    written = OutcomeLog(clock)
    for state, name in (("loaded", "a.csv"), ("quarantined", "a.csv"), ("loaded", "b.csv")):
        written.note(Outcome("sales", (FileOutcome(name, state),)))
    assert len(caplog.records) == 3


@pytest.mark.parametrize(("days", "left"), [(29, 4), (31, 2)])
def test_ledgers_that_restores_have_put_aside_go_after_a_month_but_for_the_last_two(
    tmp_path: Path, days: int, left: int
) -> None:
    ledger = tmp_path / "ledger.db"
    now = datetime.now(UTC)
    for number in range(4):
        exchange.complete_place(ledger).write_bytes(b"new")
        made = (now - timedelta(days=days, minutes=number)).timestamp()
        os.utime(exchange.complete_place(ledger), (made, made))
        ledger.write_bytes(b"old")
        assert exchange.exchange(ledger) is not None
    before = [file for file, _ in old_ledgers(ledger)]
    assert len(remove_old_ledgers(ledger)) == 4 - left
    assert [file for file, _ in old_ledgers(ledger)] == before[:left]
    assert ledger.read_bytes() == b"new"
