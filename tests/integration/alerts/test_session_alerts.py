"""What people are told while a session works: each problem once, and that it is over."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.alerts import book, service
from flows.alerts.session import session_alerts
from flows.datasets.sales import SALES
from flows.day_report.day_close import close_business_day
from flows.ingest import disk_warnings
from flows.ingest.bootstrap import open_feed
from flows.model.alerts import Kind
from flows.model.calendar import DailyBy
from flows.redaction import RedactingFormatter
from flows.store import disk
from flows.store.restore import restore_ledger
from flows.store.state_directory import StateDirectory
from tests.integration.alerts.receivers import SECRET, HttpReceiver, MailServer, http_receiver
from tests.integration.live_feed import LiveFeed, ask, declare, running, sales

pytestmark = pytest.mark.usefixtures("quick", "prompt")
DAILY = SALES.expect
BAD = b"ID,Date,Product,Quantity\n1,never,phone,1\n"


@contextmanager
def told(
    root: Path, monkeypatch: pytest.MonkeyPatch, *addresses: str, expect: DailyBy | None = None
) -> Iterator[LiveFeed]:
    """A live feed whose problems these addresses are told; no day of it is expected by default."""
    monkeypatch.setenv("CUBEFEED_ALERTS", " ".join(addresses))
    landing = root / "landing"
    landing.mkdir(exist_ok=True)
    settings = declare(root, expect=expect)
    with open_feed(settings) as opened, session_alerts(settings, opened), running(opened, landing) as living:
        yield living


def test_a_refused_file_is_told_by_http_and_by_mail_and_so_is_that_none_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver, mails: MailServer
) -> None:
    with told(tmp_path, monkeypatch, receiver.address, mails.address) as living:
        living.put("bad.csv", BAD)
        living.wait_until(lambda: receiver.messages and mails.mails)
        assert receiver.titles == mails.subjects == ["Cubefeed: sales: 1 file was refused"]
        message = receiver.messages[0]
        assert message["type"] == "failure" and "bad.csv: line 2, Date: date, got 'never'" in message["message"]
        mail = mails.mails[0].get_body(("html", "plain"))
        assert mail is not None and "bad.csv" in mail.get_content()
        living.put("bad.csv", sales(1))
        living.wait_until(lambda: len(receiver.messages) == len(mails.mails) == 2)
        assert receiver.messages[1]["type"] == "success"
        assert receiver.titles[1].startswith("Cubefeed: sales: no refused file is left; it lasted ")


def test_many_refused_files_are_one_message_with_the_first_findings_and_the_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    monkeypatch.setattr(book, "SETTLE", {Kind.REFUSED: timedelta(seconds=5)})
    with told(tmp_path, monkeypatch, receiver.address) as living:
        for number in range(200):
            living.put(f"bad-{number:03}.csv", BAD)
        living.wait_until(lambda: receiver.messages)
        assert receiver.titles == ["Cubefeed: sales: 200 files were refused"]
        body = receiver.messages[0]["message"]
        assert body.count("line 2, Date: date") == 5 and "and 195 more" in body


def test_a_message_for_a_receiver_that_is_away_is_sent_by_the_next_session_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_receiver() as gone:
        port, address = gone.port, gone.address
    with told(tmp_path, monkeypatch, address) as living:
        living.put("bad.csv", BAD)
        living.wait_until(lambda: waiting(tmp_path) == [("Cubefeed: sales: 1 file was refused", True)])
    with http_receiver(port=port) as back, told(tmp_path, monkeypatch, address) as living:
        living.wait_until(lambda: back.messages)
        assert back.titles == ["Cubefeed: sales: 1 file was refused"]
        living.wait_until(lambda: not waiting(tmp_path))


def test_status_names_who_is_told_and_what_has_not_arrived_and_nothing_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    receiver.status = 500
    monkeypatch.setenv("CUBEFEED_ALERTS", f"problem={receiver.address}")
    settings = declare(tmp_path, expect=None)
    (tmp_path / "landing").mkdir()
    with (
        open_feed(settings) as opened,
        session_alerts(settings, opened),
        running(opened, tmp_path / "landing") as living,
    ):
        living.put("bad.csv", BAD)
        living.wait_until(lambda: waiting(tmp_path) == [("Cubefeed: sales: 1 file was refused", True)])
        (told,) = opened.source.status()["alerts"]
        assert told["waiting_since_utc"] and told["tries"] > 0
        shown = {name: told[name] for name in ("address", "kind", "told", "waiting")}
        assert shown == {"address": 1, "kind": "json", "told": "problem", "waiting": 1}
        assert SECRET not in str(opened.source.status())


def waiting(root: Path) -> list[tuple[str, bool]]:
    """The messages that wait in the ledger, and whether they were tried in vain."""
    with closing(sqlite3.connect(root / "state" / "ledger.db")) as ledger:
        return [(title, tries > 0) for title, tries in ledger.execute("select title, tries from alert_messages")]


def test_a_dataset_that_cannot_load_is_told_with_the_reason_and_that_it_loads_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with told(tmp_path, monkeypatch, receiver.address) as living:
        away = living.landing.rename(tmp_path / "away")
        living.wait_until(lambda: receiver.messages)
        (title,) = receiver.titles
        assert title.startswith("Cubefeed: sales: it does not load: waiting, because ")
        away.rename(living.landing)
        living.wait_until(lambda: len(receiver.messages) == 2)
        assert receiver.titles[1].startswith("Cubefeed: sales: it loads again; it lasted ")


def test_an_address_is_told_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver, mails: MailServer
) -> None:
    with told(tmp_path, monkeypatch, f"late,report={mails.address}", f"problem={receiver.address}") as living:
        living.put("bad.csv", BAD)
        living.wait_until(lambda: receiver.messages)
    assert not mails.mails


def test_no_secret_of_an_address_reaches_the_ledger_or_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, receiver: HttpReceiver
) -> None:
    receiver.status = 500
    caplog.set_level("DEBUG")
    with told(tmp_path, monkeypatch, receiver.address) as living:
        living.put("bad.csv", BAD)
        living.wait_until(lambda: waiting(tmp_path) == [("Cubefeed: sales: 1 file was refused", True)])
        living.wait_until(lambda: "takes no message" in caplog.text or "took no message" in caplog.text)
    log = "\n".join(RedactingFormatter("%(message)s").format(record) for record in caplog.records)
    assert "alert address 1 (json) took no message, which is tried again: " in log and "error=500" in log
    assert SECRET not in log
    assert all(SECRET.encode() not in file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())


def test_a_day_whose_data_is_late_is_told_and_so_is_that_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with told(tmp_path, monkeypatch, f"late={receiver.address}", expect=DAILY) as living:
        living.wait_until(lambda: receiver.messages)
        day = re.fullmatch(r"Cubefeed: sales: no data of (\S+) has come by its time", receiver.titles[0])
        assert day is not None
        living.put("late.csv", sales(1, day=day[1]))
        living.wait_until(lambda: len(receiver.messages) == 2)
        assert "no business day of the last month is late any more; it lasted" in receiver.titles[1]


def test_the_report_of_a_day_arrives_with_its_page_after_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver, mails: MailServer
) -> None:
    with told(tmp_path, monkeypatch, f"report={mails.address}", f"report={receiver.address}", expect=DAILY) as living:
        living.put("day.csv", sales(10, 7))
        living.wait_for({1: 10, 2: 7})
        closed = close_business_day(
            tmp_path / "state", date(2021, 5, 1), lambda payload: ask(living, "close-day", **payload)
        )
        assert not closed.complaints
        living.wait_until(lambda: receiver.messages and mails.mails)
        assert receiver.titles == mails.subjects == ["Cubefeed: sales: 2021-05-01 is closed, 2 rows"]
        (page,) = mails.mails[0].iter_attachments()
        assert page.get_filename() == "2021-05-01.html" and "2021-05-01" in str(page.get_content())
        (attached,) = receiver.messages[0]["attachments"]
        assert attached["filename"] == "2021-05-01.html" and attached["base64"]


def test_a_session_that_ended_is_told_and_the_next_one_tells_that_it_is_live_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with told(tmp_path, monkeypatch, receiver.address) as living:
        living.feed.health.fail("appending", OSError("the cube is gone"))
    assert receiver.titles == ["Cubefeed: the session has ended: OSError: the cube is gone"]
    with told(tmp_path, monkeypatch, receiver.address) as living:
        living.wait_until(lambda: len(receiver.messages) == 2)
        assert receiver.titles[1].startswith("Cubefeed: the session is live again; it lasted ")


def test_a_restored_ledger_is_told_with_what_is_not_as_it_was_and_then_that_it_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with told(tmp_path, monkeypatch, receiver.address) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
    (tmp_path / "state" / "ledger.db").unlink()
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with told(tmp_path, monkeypatch, receiver.address) as living:
        living.wait_until(lambda: len(receiver.messages) == 2)
        assert receiver.titles[0] == "Cubefeed: the ledger was restored from its segments alone"
        assert receiver.titles[1].startswith(
            "Cubefeed: the restored ledger is in use, and all that lies in the landing"
        )


def test_a_disk_that_is_nearly_full_is_told_and_so_is_that_it_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    monkeypatch.setattr(disk_warnings, "LOOK_S", 0.1)
    with told(tmp_path, monkeypatch, receiver.address) as living:
        with monkeypatch.context() as full:
            full.setattr(disk, "FREE_SHARE", 1.1)
            living.wait_until(lambda: receiver.messages)
        assert re.match(r"Cubefeed: the disk at /.* \(.*state.*\) is nearly full: .* free", "\n".join(receiver.titles))
        living.wait_until(lambda: "has room again; it lasted" in receiver.titles[-1])


def test_a_receiver_that_never_answers_holds_up_neither_loading_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "END_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"json://127.0.0.1:{silent.getsockname()[1]}/x"
        with told(tmp_path, monkeypatch, address) as living:
            living.put("bad.csv", BAD)
            living.wait_until(lambda: waiting(tmp_path))
            connected, _ = silent.accept()
            with connected:
                living.put("good.csv", sales(3))
                living.wait_for({1: 3})
                assert waiting(tmp_path) == [("Cubefeed: sales: 1 file was refused", False)], "it is still being sent"
    for thread in threading.enumerate():
        if thread.name == "alerts":
            thread.join(20)
