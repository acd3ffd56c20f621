"""Requests from claim to answer: withdrawn, interrupted, written by hand, answered while the ledger is locked."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.errors import LedgerUnavailable, RequestFailed
from flows.ingest.bootstrap import open_feed
from flows.ingest.client import ask as ask_owner
from flows.ingest.request_answers import RequestAnswers
from flows.ingest.request_parts import RequestParts
from flows.ingest.work import Work
from flows.settings import Settings
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.payload import MAX_NAMES
from flows.store.requests import RequestBox
from flows.store.segments import Segments
from tests.integration.live_feed import DEADLINE_S, LiveFeed, ask, declare, live, sales
from tests.repository import ROOT
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    with live(tmp_path, "polling") as made:
        made.put("a.csv", sales(4, 6))
        made.wait_for({1: 4, 2: 6})
        yield made


@pytest.fixture
def box(tmp_path: Path) -> Iterator[RequestBox]:
    """The requests of a ledger that nobody owns."""
    ledger = open_ledger(tmp_path / "ledger.db")
    made = RequestBox(ledger)
    yield made
    made.close()
    ledger.close()


def row_of(ledger: Path, id: int) -> tuple[str, dict[str, Any]]:
    with closing(sqlite3.connect(ledger, timeout=20)) as connection:
        state, outcome = connection.execute("SELECT state, outcome FROM requests WHERE id = ?", [id]).fetchone()
    return state, json.loads(outcome or "null") or {}


def write_by_hand(ledger: Path, **columns: object) -> int:
    """A request as no program of ours writes it."""
    row = {"dataset": "sales", "kind": "load", "payload": "{}", "who": "hand", "created_utc": "now", "state": "open"}
    row |= columns  # type: ignore[arg-type]
    with closing(sqlite3.connect(ledger, timeout=20)) as connection, connection:
        marks = ", ".join(":" + name for name in row)
        id = connection.execute(f"INSERT INTO requests ({', '.join(row)}) VALUES ({marks})", row).lastrowid
    assert id is not None
    return id


def test_what_was_withdrawn_is_never_claimed_and_what_was_claimed_is_never_withdrawn(box: RequestBox) -> None:
    first, second = (box.leave("sales", "load", {}) for _ in range(2))
    assert box.withdraw(first) and not box.claim(first)
    assert box.claim(second) and not box.withdraw(second) and not box.claim(second)
    with pytest.raises(RequestFailed, match="being carried out and cannot be withdrawn"):
        box.wait(second, timeout_s=0, owner_alive=lambda: True)
    box.finish(second, failed=False, outcome={"rows": 3})
    box.finish(second, failed=True, outcome={"error": "later"})
    assert box.wait(second, timeout_s=0, owner_alive=lambda: True) == {"rows": 3}


def test_what_cannot_be_claimed_since_the_ledger_is_locked_stays_open(tmp_path: Path, box: RequestBox) -> None:
    id = box.leave("sales", "load", {})
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="database is locked"):
            box.claim(id, patience_s=0.01)
    assert [found.id for found in box.open_requests()] == [id] and box.claim(id)


def test_a_request_that_was_running_when_the_process_ended_fails_once_and_is_not_repeated(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as living:
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
    ledger = tmp_path / "state" / "ledger.db"
    running = write_by_hand(ledger, kind="unload", state="running")
    waiting = write_by_hand(ledger, kind="verify")
    with live(tmp_path, "polling") as living:
        living.wait_until(lambda: row_of(ledger, waiting)[0] == "done")
        state, outcome = row_of(ledger, running)
        assert state == "failed" and "ended while the request was being carried out" in outcome["error"]
        assert "then ask again" in outcome["next_step"] and living.quantities() == {1: 4}


LEAVES = """
import sys, time
from pathlib import Path
from flows.store.ledger_file import open_ledger
from flows.store.requests import Request, RequestBox
from flows.store.segments import Segments
with RequestBox(open_ledger(Path(sys.argv[1]))).leave_attended("sales", "unload", {}) as id:
    print(id, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_request_whose_asker_was_killed_is_withdrawn_and_not_carried_out(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as living:
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
    ledger = tmp_path / "state" / "ledger.db"
    with subprocess.Popen([sys.executable, "-c", LEAVES, str(ledger)], cwd=ROOT, stdout=subprocess.PIPE) as asker:
        assert asker.stdout is not None
        id = int(asker.stdout.readline())
        asker.kill()
    with live(tmp_path, "polling") as living:
        living.wait_until(lambda: row_of(ledger, id)[0] == "withdrawn")
        assert ask(living, "verify")["verify"]["rows"] == 1 and living.quantities() == {1: 4}
        assert list((tmp_path / "state" / "askers").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("claimed", [False, True])
def test_ctrl_c_withdraws_the_request_or_says_that_it_is_carried_out(tmp_path: Path, claimed: bool) -> None:
    (tmp_path / "landing").mkdir()
    settings = Settings(state=tmp_path / "state", landing=tmp_path / "landing", datasets="sales")
    with open_feed(settings) as opened:  # and nobody works for it
        ledger = opened.feed.ledger.file
        command = [sys.executable, "-m", "flows.cli.main", "load", "--state", str(settings.state)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as client:
            box = RequestBox(opened.feed.ledger)
            until(lambda: box.open_requests())
            [found] = box.open_requests()
            assert not claimed or box.claim(found.id)
            client.send_signal(signal.SIGINT)
            _, output = client.communicate(timeout=DEADLINE_S)
            box.close()
        assert client.returncode == 130 and "Traceback" not in output
        assert row_of(ledger, found.id)[0] == ("running" if claimed else "withdrawn")
        assert ("is being carried out" if claimed else "was withdrawn, because it was interrupted") in output


def test_a_dataset_s_name_that_is_no_text_is_answered_like_any_that_is_unknown(living: LiveFeed) -> None:
    with pytest.raises(RequestFailed, match="udcff"):
        ask_owner(living.landing.parent / "state", "\udcff", "verify", {}, timeout_s=DEADLINE_S)


def test_a_user_without_a_name_may_ask(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 654321)  # as in a container that was given a number
    state = living.landing.parent / "state"
    assert ask_owner(state, "sales", "verify", {}, timeout_s=DEADLINE_S)["verify"]["rows"] == 2
    with closing(sqlite3.connect(state / "ledger.db")) as connection:
        assert connection.execute("SELECT who FROM requests").fetchone()[0].startswith("uid 654321 (pid ")


HOSTILE: dict[str, dict[str, object]] = {
    "a NUL in a path": {"payload": '{"paths": ["a\\u0000b"]}'},
    "a lone surrogate in a path": {"payload": '{"paths": ["\\ud800"]}'},
    "a lone surrogate in a condition": {"payload": '{"where": ["Product=\\udfff"]}'},
    "a number where a list belongs": {"payload": '{"paths": 7}'},
    "numbers in the list": {"payload": '{"paths": [1, 2]}'},
    "a text where a list belongs": {"payload": '{"where": "Date=2021-05-01"}'},
    "a million names": {"payload": json.dumps({"paths": [f"{number}" for number in range(1_000_000)]})},
    "too many patterns": {"payload": json.dumps({"paths": [f"{number}*" for number in range(MAX_NAMES // 10)]})},
    "a path as long as a book": {"payload": json.dumps({"paths": ["a/" * 1_000_000]})},
    "a path out of the directory": {"payload": '{"paths": ["../../etc/passwd"]}'},
    "a text where a truth belongs": {"payload": '{"dry_run": "no"}'},
    "an unknown parameter": {"payload": '{"dryrun": true}'},
    "no object": {"payload": "[1]"},
    "no JSON": {"payload": "{paths"},
    "no text": {"payload": b"\xff\xfe\x00"},
    "nothing": {"payload": ""},
    "a tower of lists": {"payload": "[" * 100_000},
    "a number as long as a book": {"payload": "9" * 100_000},
    "an unknown kind": {"kind": "drop everything"},
    "a kind that is no text": {"kind": b"\x00\xff"},
    "a number as its kind": {"kind": 7},
    "an unknown dataset": {"dataset": "sale\x00s"},
    "a dataset that is no text": {"dataset": b"\xff"},
    "who is no text": {"who": b"\xff\x1b[31m", "payload": '{"since": 5}'},
    "a time that is none": {"payload": '{"since": "yesterday"}'},
    "a date that is none": {"kind": "report", "payload": '{"date": "0000-00-00"}'},
    "a list as its date": {"kind": "report", "payload": '{"date": ["2021-05-01"]}'},
    "a number as its moment": {"kind": "close-day", "payload": '{"as_of": 1e999}'},
    "an unknown level": {"payload": '{"where": ["Dat=1"]}'},
    "a number beyond 64 bits": {"payload": '{"where": ["ID=99999999999999999999"]}'},
    "a condition without a value": {"payload": '{"where": ["Date"]}'},
}


@pytest.mark.slow
def test_a_request_written_by_hand_fails_with_its_reason_and_the_next_file_loads(living: LiveFeed) -> None:
    ledger = living.feed.ledger.file
    left = {what: write_by_hand(ledger, **columns) for what, columns in HOSTILE.items()}
    living.wait_until(lambda: all(row_of(ledger, id)[0] == "failed" for id in left.values()))
    for what, id in left.items():
        _, outcome = row_of(ledger, id)
        assert outcome["error"] and outcome["next_step"], what
        assert "see the log" not in outcome["next_step"], f"{what} was not foreseen: {outcome}"
    living.put("b.csv", sales(1, start=90))
    living.wait_for_state("b.csv", "loaded")


def test_an_answer_waits_until_the_ledger_can_be_written(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program takes the lock while a request is carried out, and keeps it for longer than a writer waits."""
    monkeypatch.setattr("flows.ingest.request_answers.PATIENCE_S", 0.05)
    monkeypatch.setattr("flows.ingest.request_answers.RETRY_S", 0.1)
    ledger = living.feed.ledger.file
    with closing(sqlite3.connect(ledger, isolation_level=None, check_same_thread=False)) as other:
        verify = living.feed.days.verify

        def locked(*args: Any, **options: Any) -> dict[str, Any]:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")
            return verify(*args, **options)

        monkeypatch.setattr(living.feed.days, "verify", locked)
        id = write_by_hand(ledger, kind="verify")
        answers = living.feed.answers
        until(lambda: answers._kept)
        assert row_of(ledger, id)[0] == "running"
        other.execute("COMMIT")
        living.wait_until(lambda: row_of(ledger, id)[0] == "done")
    assert row_of(ledger, id)[1]["verify"]["rows"] == 2
    living.put("b.csv", sales(1, start=90))
    living.wait_for_state("b.csv", "loaded")


def test_a_claim_waits_until_the_ledger_can_be_written(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.ingest.request_queue.PATIENCE_S", 0.05)
    monkeypatch.setattr("flows.ingest.request_queue.RETRY_S", 0.1)
    ledger = living.feed.ledger.file
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        row = "'sales', 'verify', '{}', 'hand', 'now', 'open'"
        other.execute(f"INSERT INTO requests (dataset, kind, payload, who, created_utc, state) VALUES ({row})")
        other.execute("COMMIT; ".rstrip("; "))
        other.execute("BEGIN IMMEDIATE")
        until(lambda: living.feed.requests._retry_at > 0)
        other.execute("COMMIT")
    living.wait_until(lambda: row_of(ledger, 1)[0] == "done")


class Caught:
    """A request that says when one thread looks at it, and holds up that thread until another one had its chance."""

    def __init__(self, id: int) -> None:
        self.seen, self.passed = threading.Event(), threading.Event()
        self._id = id

    @property
    def id(self) -> int:
        self.seen.set()
        self.passed.wait(0.2)
        return self._id


def test_each_part_of_a_request_is_given_out_once_while_another_one_fails(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / "ledger.db")) as ledger, closing(RequestBox(ledger)) as box:
        waiting = RequestParts({})
        answers = RequestAnswers(box, waiting)
        caught: Any = Caught(2)
        waiting.put_first([Work("sales", landed=(), request=caught, more=more) for more in (True, False)])
        failing = threading.Thread(target=answers.fail, args=(1, RequestFailed("x", next_step="y")))
        failing.start()
        assert caught.seen.wait(DEADLINE_S)
        parts = [waiting.next()]
        caught.passed.set()
        failing.join(DEADLINE_S)
        while (part := waiting.next()) is not None:
            parts.append(part)
    assert [part.more for part in parts if part is not None] == [True, False]


def test_the_files_of_a_request_that_fails_half_way_are_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.ingest.work_selection.BATCH_FILES", 1)
    with live(tmp_path, "polling", settle_s=3600.0) as living:
        for number in range(5):
            living.put(f"{number}.csv", sales(number, start=number))
        with monkeypatch.context() as patched:
            patched.setattr(Segments, "write", full)
            with pytest.raises(RequestFailed, match="No space left"):
                ask(living, "load")
        living.wait_until(lambda: "its turn" not in living.inbox.list_waiting().values())


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_answer_about_many_files_names_some_and_counts_all(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as living:
        for number in range(600):
            living.put(f"{number:04}.csv", sales(1, start=number))
        living.put("zzz.csv", sales(-1, start=9000))
        living.wait_until(lambda: len(living.quantities()) == 600 and living.state_of("zzz.csv") == "quarantined")
        with pytest.raises(RequestFailed, match=r"1 of 601 files was refused: zzz\.csv") as failed:
            ask(living, "reload")
    outcome = failed.value.outcome
    assert outcome["file_count"] == 601 and outcome["rows"] == 600 and len(outcome["files"]) == 500
    assert outcome["files"][0]["file"] == "zzz.csv"


def test_a_ledger_that_cannot_be_written_is_an_error_for_who_asks(
    living: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = Ledger.writing
    monkeypatch.setattr(Ledger, "writing", lambda self, *, patience_s=0.05: writing(self, patience_s=0.05))
    state = living.landing.parent / "state"
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RequestFailed, match="database is locked"):
            ask_owner(state, "sales", "verify", {}, timeout_s=1)
        other.execute("COMMIT")


def test_a_day_is_closed_between_the_parts_of_a_long_load_and_other_loads_wait(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    for number in range(3):
        (tmp_path / "landing" / f"{number}.csv").write_bytes(sales(number + 1, start=number))
    with open_feed(declare(tmp_path, observer="polling")) as opened, closing(RequestBox(opened.feed.ledger)) as box:
        begun: list[str] = []

        def work() -> None:
            found = opened.feed.requests.next_work(max_files=1, max_bytes=1 << 30)
            begun.append(found.request.kind if found is not None and found.request is not None else "nothing")

        box.leave("sales", "reload", {})
        work()
        for kind in ("load", "close-day", "verify"):
            box.leave("sales", kind, {})
        for _ in range(6):
            work()
    assert begun[:5] == ["reload", "close-day", "reload", "verify", "reload"]
    assert begun[5] == "load"
