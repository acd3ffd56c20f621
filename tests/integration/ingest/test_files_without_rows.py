"""Files that hold a header and no rows: all are equal, none is a duplicate, and none costs more than the one before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from flows.landing import settling
from flows.store.history import file_rows
from tests.property.rules import Content
from tests.property.stepped_feed import Cubes, Kind, SteppedFeed

KINDS = [Kind(), Kind(precedence="name"), Kind(precedence="column"), Kind(keyed=False), Kind(keyed=False, copies=True)]
NOTHING = Content(())


class Instructions:
    """Counts what SQLite does, in tens of its instructions: as many for the same rows, whatever the machine does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.tens = 0

    def __enter__(self) -> Instructions:
        event.listen(self.engine, "checkout", self._count)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "checkout", self._count)

    def _count(self, connection: Any, *_: object) -> None:
        connection.set_progress_handler(self._add, 10)

    def _add(self) -> int:
        self.tens += 1
        return 0


@pytest.fixture(params=KINDS, ids=str)
def living(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteppedFeed]:
    for name in ("NO_NEWLINE_S", "OPEN_S", "EMPTY_S"):
        monkeypatch.setattr(settling, name, 0.0)
    monkeypatch.setattr(logging.getLogger("flows.ingest.table_fill"), "disabled", True)
    with Cubes() as cubes:
        feed = SteppedFeed(cubes, request.param)
        yield feed
        feed.close()


def instructions_of_one_more(living: SteppedFeed, name: str) -> int:
    living.write(name, NOTHING)
    with Instructions(living.feed.ledger.engine) as counted:
        living.step()
    return counted.tens


def test_files_without_rows_are_no_duplicates_and_cost_the_same_however_many_there_are(living: SteppedFeed) -> None:
    living.write("rows.csv", Content(((1, 1),)))
    living.write("first.csv", NOTHING)
    living.step()
    few = instructions_of_one_more(living, "second.csv")
    for number in range(600):
        living.write(f"{number}.csv", NOTHING)
    living.step()
    many = instructions_of_one_more(living, "last.csv")
    rows = file_rows(living.feed.ledger, dataset="t", current_only=True, limit=1000)
    assert {row.state for row in rows} == {"loaded"} and len(rows) == 604
    assert living.differences() is None
    assert few > 0 and many <= 1.5 * few, f"{10 * few:,} instructions where there were two, {10 * many:,} of 602"
