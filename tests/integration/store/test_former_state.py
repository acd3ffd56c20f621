"""The first start over the state of the edition before."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from flows.ingest.bootstrap import open_feed
from flows.ingest.feed import Feed
from flows.ingest.former_digests import adopt_former_digests
from flows.model.query import Query
from flows.runtime.progress import progress_shown_by
from flows.settings import Settings
from flows.store import migrations
from flows.store.backup import backups_in, defect
from flows.store.history import file_rows
from flows.store.migrations import MIGRATIONS, OLD_VALUES, migrate
from flows.store.schema import paths, versions
from tests.integration.store.former_state import FILES, make_former_state, region

pytestmark = pytest.mark.usefixtures("quick")


@contextmanager
def started(root: Path, names: list[str]) -> Iterator[Feed]:
    """A feed over all datasets, in which all that lies there has been worked on."""
    settings = Settings(state=root / "state", datasets=",".join(names), observer="polling", settle_s=0.01)
    threads = set(threading.enumerate())
    with open_feed(settings) as opened:
        opened.feed.rebuild()
        look(opened.feed)
        yield opened.feed
    assert set(threading.enumerate()) <= threads


def look(feed: Feed) -> None:
    waiting = True
    for state in feed.datasets.values():
        state.monitor.inbox.rescan()
    while waiting:
        work = feed.detect(0.05)
        while work is not None:
            validated = feed.validate(work)
            feed.append(validated)
            work = getattr(validated, "rest", None)
        inboxes = [state.monitor.inbox for state in feed.datasets.values()]
        waiting = any({"to settle", "its turn"} & set(inbox.list_waiting().values()) for inbox in inboxes)


def quantities(feed: Feed, dataset: str, by: str = "ID") -> dict[Any, int]:
    frame = feed.cube.query(Query(dataset, ("Quantity.SUM",), (by,)))
    return dict(zip(frame[by].to_list(), frame["Quantity.SUM"].to_list(), strict=True))


def states(feed: Feed, dataset: str) -> dict[str, str]:
    return {row.file: row.state for row in file_rows(feed.ledger, dataset=dataset, current_only=True, limit=100)}


def identities(feed: Feed, dataset: str) -> dict[bytes, tuple[bytes, str]]:
    query = (
        select(paths.c.path, versions.c.digest, versions.c.path_values)
        .join(versions, versions.c.id == paths.c.accepted)
        .where(paths.c.dataset == dataset)
    )
    with feed.ledger.reading() as connection:
        return {path: (digest, values) for path, digest, values in connection.execute(query)}


def is_whole(feed: Feed) -> bool:
    found = [feed.days.verify(state, deep=deep) for state in feed.datasets.values() for deep in (False, True)]
    return not any(each["missing"] or each["extra"] or each.get("restore") for each in found)


@pytest.mark.slow
def test_the_state_of_the_edition_before_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = make_former_state(tmp_path)
    with started(tmp_path, names) as feed:
        assert quantities(feed, "sales") == {1: 1, 2: 2}, "what was a duplicate covers what came before it"
        assert states(feed, "sales") == {
            "a.csv": "loaded", "b.csv": "loaded", "copy.csv": "loaded", "out.csv": "unloaded",
        }  # fmt: skip
        assert quantities(feed, "loose", "Product") == {"phone": 3}
        assert states(feed, "loose") == {"a.csv": "loaded", "copy.csv": "duplicate"}
        assert quantities(feed, "regions", "Product") == {"north": 10, "south": 20, "east": 30}
        assert states(feed, "checked") == {"a.csv": "quarantined", "b.csv": "loaded"}
        assert is_whole(feed)
    (backup,) = backups_in(tmp_path / "state" / "backups")
    assert defect(backup.file) is None
    with closing(sqlite3.connect(backup.file)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
    messages = [record.message for record in caplog.records]
    assert any("The ledger is of version 4 now" in message for message in messages)
    assert any("sales: 1 file that an earlier Cubefeed took for dup" in m and "copy.csv" in m for m in messages)
    caplog.clear()
    with started(tmp_path, names) as feed:
        assert quantities(feed, "sales") == {1: 1, 2: 2}
        assert quantities(feed, "regions", "Product") == {"north": 10, "south": 20, "east": 30}
    assert not any("earlier" in record.message for record in caplog.records), "once"


def test_digests_that_mix_bytes_and_values_are_written_anew_where_the_file_lies_there(tmp_path: Path) -> None:
    names = make_former_state(tmp_path)
    (tmp_path / "landing" / "regions" / "south_1.csv").write_bytes(region(2, 21))  # corrected while nobody looked
    with started(tmp_path, names) as feed:
        known = identities(feed, "regions")
        north = hashlib.sha256(FILES["regions/north_1.csv"]).digest()
        assert known[b"north_1.csv"] == (north, json.dumps({"Product": "north"}))
        assert known[b"south_1.csv"] == (hashlib.sha256(region(2, 21)).digest(), json.dumps({"Product": "south"}))
        assert known[b"east_1.csv"][1] == OLD_VALUES, "its file is gone: the digest stays, and equals no other"
        assert quantities(feed, "regions", "Product") == {"north": 10, "south": 21, "east": 30}
        assert {values for _, values in identities(feed, "sales").values()} == {""}
        (tmp_path / "landing" / "regions" / "east_1.csv").write_bytes(region(3, 30))
        look(feed)
        assert identities(feed, "regions")[b"east_1.csv"][1] == json.dumps({"Product": "east"})
        assert quantities(feed, "regions", "Product") == {"north": 10, "south": 21, "east": 30}
        assert is_whole(feed)


def test_a_start_without_digests_of_that_kind_writes_nothing_for_them(tmp_path: Path) -> None:
    names = make_former_state(tmp_path)
    with started(tmp_path, names) as feed:
        state = feed.datasets["regions"]
        written: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            written.append(statement)

        event.listen(feed.ledger.engine, "before_cursor_execute", note)
        for each in feed.datasets.values():
            adopt_former_digests(each.dataset, feed.ledger, state.monitor.read_thread, feed.crashes)
        event.remove(feed.ledger.engine, "before_cursor_execute", note)
        assert written and not any(statement.startswith(("UPDATE", "BEGIN IMMEDIATE")) for statement in written)


def test_a_migration_that_fails_half_way_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_former_state(tmp_path)
    ledger = tmp_path / "state" / "ledger.db"

    def dump() -> list[str]:
        with closing(sqlite3.connect(ledger)) as database:
            return [*map(str, database.execute("PRAGMA user_version").fetchone()), *database.iterdump()]

    before = dump()
    monkeypatch.setitem(MIGRATIONS, 4, (*MIGRATIONS[4], "UPDATE nothing SET nowhere = 1"))
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        migrate(ledger, tmp_path / "state" / "backups")
    assert dump() == before
    monkeypatch.undo()
    migrate(ledger, tmp_path / "state" / "backups")
    assert dump()[0] == "4"


def test_a_migration_shows_that_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_former_state(tmp_path)
    monkeypatch.setattr(migrations, "INSTRUCTIONS", 100)
    shown: list[int] = []
    with progress_shown_by(shown.append):
        migrate(tmp_path / "state" / "ledger.db", tmp_path / "state" / "backups")
    assert len(shown) > len(MIGRATIONS[4])
