"""What the doctor finds, and that it says what to do about it."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.alerts.addresses import configured_addresses
from flows.cli.records import list_files
from flows.errors import StateError
from flows.installation.doctor import examine
from flows.model.alerts import Message
from flows.settings import Settings
from flows.store.alerts import AlertRecord, AlertSource, save_alerts
from flows.store.installation import installation_id
from flows.store.ledger_file import open_ledger
from flows.store.state_directory import StateDirectory
from flows.validation import cost
from tests.integration.alerts.receivers import SECRET
from tests.integration.small_disk import small_disk


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "landing").mkdir()
    return Settings(state=tmp_path / "state", landing=tmp_path / "landing")


def failures(settings: Settings) -> dict[str, str]:
    """Check → what to do next, of all that is not well."""
    return {row["check"]: row["next"] for row in examine(settings) if row["result"] != "ok"}


def test_a_healthy_place_has_nothing_to_mend(healthy: Settings) -> None:
    rows = examine(healthy)
    assert {row["check"] for row in rows} >= {"Python", "sales: landing", "state", "free disk", "file system", "clock"}
    assert failures(healthy).keys() <= {"free disk"}  # of this machine


def test_how_large_a_file_may_be_is_told(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "memory_bytes", lambda: 6_000_000)
    found = {row["check"]: row["found"] for row in examine(healthy)}["sales: files"]
    assert found == "of at most 500.0 kB of text, and of 2.0 MB of memory while a batch is read"


def test_each_disk_in_use_that_is_nearly_full_is_named_with_what_lies_on_it(healthy: Settings) -> None:
    def named(settings: Settings) -> list[str]:
        return [row["found"] for row in examine(settings) if row["check"] == "free disk" and row["result"] == "warn"]

    assert healthy.landing is not None
    with small_disk(healthy.landing) as landing, small_disk(healthy.state / "reports") as reports:
        roomy = named(healthy)
        landing.fill(leave_bytes=1 << 20)
        reports.fill()
        found = [row for row in named(healthy) if row not in roomy]
        reports.make_room()
        assert len(named(healthy)) == len(roomy) + 1
    assert found == [
        f"{healthy.state / 'reports'} (reports): 0 bytes of 4.2 MB free",
        f"{healthy.landing} (landing of sales): 1.0 MB of 4.2 MB free",
    ]


def test_a_landing_directory_that_does_not_exist_is_named(healthy: Settings) -> None:
    assert healthy.landing is not None
    healthy.landing.rmdir()
    assert "make it" in failures(healthy)["sales: landing"]


def test_a_state_directory_that_cannot_be_written_is_named(healthy: Settings) -> None:
    healthy.state.write_text("in the way")
    assert "--state" in failures(healthy)["state"]


def test_a_ledger_that_is_damaged_or_lost_is_named(healthy: Settings) -> None:
    state = StateDirectory(healthy.state)
    state.create()
    open_ledger(state.ledger).close()
    assert failures(healthy) == {}
    state.ledger.write_bytes(b"no database")
    assert failures(healthy) == {"ledger": "make it again with: cubefeed ledger restore"}
    state.ledger.unlink()
    state.segments.mkdir()
    (state.segments / "sales-00000001.parquet").touch()
    assert failures(healthy) == {"ledger": "make it again with: cubefeed ledger restore"}
    with pytest.raises(StateError, match="ledger restore"):
        list_files(healthy, None, (), history=False, limit=1)


def test_who_is_told_is_named_without_secrets_and_so_is_what_has_not_arrived(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alerts() -> list[tuple[str, str]]:
        return [(row["result"], row["found"]) for row in examine(healthy) if row["check"] in ("alerts", "heartbeat")]

    assert alerts() == [("ok", "nobody is told what goes wrong")]
    monkeypatch.setenv("CUBEFEED_ALERTS", f"json://127.0.0.1:9/{SECRET} late=mailto://feed:{SECRET}@example.org")
    monkeypatch.setenv("CUBEFEED_HEARTBEAT_URL", f"https://example.org/{SECRET}")
    beats = ("ok", "an address is called every minute while all is well")
    assert alerts() == [
        ("ok", "address 1 (json) is told problem,late"), ("ok", "address 2 (mailto) is told late"), beats
    ]  # fmt: skip
    state = StateDirectory(healthy.state)
    first, _ = configured_addresses(installation_id(state))
    message = Message(first.mark, "a title", "a body", "failure", "2021-05-01T10:00:00.000+00:00", tries=3)
    with closing(open_ledger(state.ledger)) as ledger:
        save_alerts(ledger, AlertSource.SUPERVISOR, AlertRecord((), (message,)), patience_s=1)
    waits = "address 1 (json) is told problem,late; 1 message waits since 2021-05-01 10:00:00 UTC, tried 3 times"
    assert alerts()[0] == ("warn", waits) and failures(healthy)["alerts"] == "see what it answers: cubefeed alerts test"
    assert SECRET not in str(examine(healthy))

    monkeypatch.setenv("CUBEFEED_ALERTS", f"nothing://{SECRET}")
    monkeypatch.setenv("CUBEFEED_HEARTBEAT_URL", SECRET)
    assert failures(healthy).keys() >= {"alerts", "heartbeat"} and SECRET not in str(examine(healthy))


def test_an_unknown_dataset_is_named(healthy: Settings) -> None:
    assert "sales" in failures(Settings(state=healthy.state, datasets="nothing"))["datasets"]


def test_a_prefect_server_that_does_not_answer_is_named(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert "unset PREFECT_API_URL" in failures(healthy)["Prefect"]


def test_an_engine_that_there_is_not_is_named(healthy: Settings) -> None:
    assert "duckdb" in failures(replace(healthy, engine="x"))["engine"]


def test_a_page_that_others_could_read_without_a_token_is_named(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBEFEED_TOKEN", raising=False)
    assert "CUBEFEED_TOKEN" in failures(replace(healthy, host="0.0.0.0"))["live page"]


def test_what_the_atoti_engine_needs_is_named(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATOTI_LICENSE", raising=False)
    monkeypatch.setenv("JAVA_HOME", "/nowhere/java")
    found = failures(Settings(state=healthy.state, landing=healthy.landing, engine="atoti"))
    assert "ATOTI_LICENSE" in found["Atoti licence"] and "JAVA_HOME" in found["JAVA_HOME"]


def test_a_password_in_the_address_of_prefect_is_not_shown(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://somebody:hunter2@127.0.0.1:9/api")
    rows = str(examine(healthy))
    assert "hunter2" not in rows and "127.0.0.1:9/api" in rows


@pytest.mark.parametrize(("status", "results"), [(200, ["ok", "warn"]), (401, ["ok"])])
def test_a_prefect_server_without_a_secret_is_worth_a_warning(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch, status: int, results: list[str]
) -> None:
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith("/health") else status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
            rows = [row for row in examine(healthy) if row["check"] == "Prefect"]
        finally:
            server.shutdown()
    assert [row["result"] for row in rows] == results
