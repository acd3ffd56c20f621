"""`cubefeed up`: Prefect's server, deployments, schedules and runs around the live session, as processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket
from websockets.typing import Subprotocol

from tests.e2e.program import (
    SAMPLES,
    Installation,
    Place,
    Prefect,
    installation,
    started,
    states_in_the_database,
    until,
)

TWO_DAYS = {"2021-05-01": 10, "2021-05-02": 7}
HEADER = "ID,Date,Product,Quantity\n"
PARIS = ZoneInfo("Europe/Paris")
FINAL = {"Completed", "Failed", "Cancelled", "Crashed"}

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One running installation for all tests here, since a start takes seconds; ended by SIGTERM."""
    place = Place(tmp_path_factory.mktemp("up"))
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    shutil.copytree(SAMPLES / "current", place.landing)
    with started(place, "up", "--prefect-port", 0) as running:
        found = installation(running, place)
        place.environment["PREFECT_API_URL"] = f"{found.prefect.url}/api"
        place.environment["PREFECT_API_AUTH_STRING"] = str(found.prefect.secret)
        found.wait_for_owner()
        yield found
        assert running.end(signal.SIGTERM) == 0, running.output
        assert running.output.rstrip().endswith("stopped") and "Traceback" not in running.output
    place.assert_nothing_left()
    states = states_in_the_database(place)
    assert {state for runs in states.values() for state, _ in runs} <= FINAL, states
    assert states["keep-cube-live"][-1][0] == "Cancelled"
    assert "nanobind" not in (place.state / "serve.log").read_text()


def prefect(up: Installation, *arguments: str, code: int = 0) -> str:
    """Prefect's own command line."""
    done = up.place.run_any(sys.executable, "-m", "prefect", *arguments, code=code)
    return done.stdout + done.stderr


def loaded(up: Installation, name: str) -> bool:
    """Whether the ledger has loaded a file of that name."""
    rows = httpx.get(f"{up.owner['url']}/api/files", trust_env=False).json()
    return any(row["file"] == name and row["state"] == "loaded" for row in rows)


def table(artifact: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table artifact."""
    return list(json.loads(artifact["data"]))


def test_the_session_is_a_running_run_with_its_tables_progress_and_links(up: Installation) -> None:
    assert up.sales() == TWO_DAYS
    (live,) = up.prefect.started_runs("keep-cube-live")
    assert live["state"]["name"] == "Running" and live["id"] == up.owner["run"]
    (progress,) = until(lambda: up.prefect.artifacts("initial-load"), what="the progress artifact")
    until(lambda: up.prefect.artifacts("initial-load")[0]["data"] == 100, what="progress is complete")
    assert progress["type"] == "progress" and progress["flow_run_id"] == live["id"]
    (links,) = until(lambda: up.prefect.artifacts("live-page"), what="the link")
    assert f"{up.owner['url']}/" in links["data"]
    (loads,) = until(lambda: up.prefect.artifacts("last-loads"), what="the table of the first loads")
    assert {(row["file"], row["state"], row["rows"]) for row in table(loads)} == {
        ("sales_2021-05-01.csv", "loaded", 4),
        ("sales_2021-05-02.csv", "loaded", 3),
    }
    (event,) = until(lambda: up.prefect.events("cubefeed.session.started"), what="the event")
    assert event["resource"]["prefect.resource.id"] == "cubefeed.dataset.sales"


def test_what_lands_is_seen_as_a_window_with_its_files_and_findings(up: Installation) -> None:
    up.place.drop("third.csv", HEADER + "8,2021-05-03,phone,2\n9,2021-05-03,watch,6\n")
    until(lambda: up.sales().get("2021-05-03") == 8, what="the third day", patience_s=5)
    up.place.drop("bad.csv", HEADER + "20,2021-05-04,phone,many\n21,2021-05-04,,3\n")
    (findings,) = until(lambda: up.prefect.artifacts("findings-sales"), what="the findings", patience_s=30)
    assert [(row["line"], row["column"], row["rule"], row["raw"]) for row in table(findings)] == [
        (2, "Quantity", "integer", "many"),
        (3, "Product", "nullability", ""),
    ]
    assert findings["type"] == "table" and "bad.csv" in findings["description"]

    window = next(run for run in up.prefect.runs("load_window") if run["id"] == findings["flow_run_id"])
    assert re.fullmatch(r"sales · \d files? · \d\d:\d\d:\d\d", window["name"]), window["name"]
    assert window["parent_task_run_id"] is None
    up.prefect.wait_for(window["id"], "Completed")
    shown = [row["file"] for artifact in up.prefect.artifacts("last-loads") for row in table(artifact)]
    outside = [row["file"] for artifact in up.prefect.artifacts("loaded-outside-windows") for row in table(artifact)]
    assert {"third.csv", "bad.csv"} <= {*shown, *outside}
    tasks = up.prefect.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [window["id"]]}}})
    assert {task["name"].rpartition("-")[0] for task in tasks} == {"validate_files", "append_files"}

    (quarantined,) = until(lambda: up.prefect.events("cubefeed.file.quarantined"), what="the event")
    assert quarantined["payload"]["files"] == ["bad.csv"] and "many" in quarantined["payload"]["first"]
    until(
        lambda: any("third.csv" in event["payload"]["files"] for event in up.prefect.events("cubefeed.file.loaded")),
        what="the event of the load",
    )
    (up.place.landing / "bad.csv").unlink()


def test_files_are_reloaded_by_a_deployment_run_whose_state_is_the_true_one(up: Installation) -> None:
    parameters = ("-p", 'paths=["sales_2021-05-01.csv"]', "-p", "mode=reload")
    output = prefect(up, "deployment", "run", "load-files/sales", *parameters, "--watch")
    assert "Completed" in output, output
    (artifact, *_) = up.prefect.artifacts("load-files-sales")
    assert [(row["file"], row["state"], row["rows"]) for row in table(artifact)] == [
        ("sales_2021-05-01.csv", "loaded", 4)
    ]
    (run, *_) = up.prefect.started_runs("load-files")
    assert run["id"] == artifact["flow_run_id"] and run["name"] == "sales · reload · 1"


def test_a_deployment_run_fails_with_the_reason(up: Installation) -> None:
    refused = up.place.drop("refused.csv", HEADER + "30,2021-05-04,phone,many\n")
    reasons = {
        up.prefect.start("load-files/sales", paths=["/etc/passwd"]): "not inside the landing directory",
        up.prefect.start("load-files/sales", dataset="mine.py:SALES"): "does not serve this dataset",
        up.prefect.start("load-files/sales", paths=["refused.csv"]): "refused.csv",
    }
    for run, reason in reasons.items():
        state = up.prefect.wait_for(run, "Failed", "Completed")["state"]
        assert state["name"] == "Failed" and reason in state["message"]
    (artifact,) = [each for each in up.prefect.artifacts("load-files-sales") if each["flow_run_id"] == run]
    assert [(row["file"], row["state"]) for row in table(artifact)] == [("refused.csv", "quarantined")]
    refused.unlink()


def test_deployments_are_listed_and_their_schedules_produce_runs(up: Installation) -> None:
    listed = prefect(up, "deployment", "ls")
    assert all(name in listed for name in ("keep-cube-live/cube", "load-files/sales", "close-day/sales"))
    runs = until(lambda: up.prefect.runs("close-day"), what="scheduled runs", patience_s=60)
    assert all(run["state"]["name"] == "Scheduled" and run["auto_scheduled"] for run in runs)


def test_the_day_is_closed_with_a_report_that_says_what_is_missing(up: Installation) -> None:
    run = up.prefect.wait_for(up.prefect.start("close-day/sales"), "Failed", "Completed")
    assert run["state"]["name"] == "Failed" and "has come" in run["state"]["message"]
    (artifact, *_) = up.prefect.artifacts("close-day-sales")
    (day,) = table(artifact)
    assert day["missing"] == day["extra"] == 0 and day["arrived"] is False
    (report, *_) = up.prefect.artifacts("report-sales")
    assert day["business_day"] in report["data"] and f"/runs/flow-run/{run['id']}" in report["data"]
    page = up.place.state / "reports" / "sales" / f"{day['business_day']}.html"
    assert "has come" in page.read_text(encoding="utf-8")
    up.place.run("report", "--date", day["business_day"])
    assert up.place.run("report", "--format", "markdown").stdout == report["data"]


def test_a_second_up_says_who_is_running(up: Installation) -> None:
    output = up.place.run("up", code=1).stderr
    assert f"pid {up.owner['pid']}" in output and up.owner["url"] in output


def test_a_second_live_run_ends_cancelled_and_names_the_first(up: Installation) -> None:
    run = up.prefect.wait_for(up.prefect.start("keep-cube-live/cube"), "Cancelled", "Completed", "Failed")
    assert run["state"]["name"] == "Cancelled"
    assert f"pid {up.owner['pid']}" in run["state"]["message"] and up.owner["run"] in run["state"]["message"]
    assert up.prefect.run(up.owner["run"])["state"]["name"] == "Running"


def test_a_foreign_page_may_not_use_the_api(up: Installation) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{up.prefect.url}/api/flow_runs/filter", headers=headers, trust_env=False)
    assert "access-control-allow-origin" not in preflight.headers
    simple = httpx.get(f"{up.prefect.url}/api/health", headers={"Origin": "http://evil.example"}, trust_env=False)
    assert "access-control-allow-origin" not in simple.headers
    own = httpx.get(f"{up.prefect.url}/api/health", headers={"Origin": up.prefect.url}, trust_env=False)
    assert own.headers["access-control-allow-origin"] == up.prefect.url


OPEN = ("/api/health", "/api/ready", "/docs", "/openapi.json", "/ui-settings", "/")
"""What Prefect 3.8.8 shows to everybody who reaches its port."""


def test_who_does_not_know_the_secret_of_prefect_sees_and_changes_nothing(up: Installation) -> None:
    strangers = [Prefect(up.prefect.url), Prefect(up.prefect.url, f"cubefeed:{'x' * 43}")]
    deployment = up.prefect.get("/deployments/name/load-files/sales")
    for path in OPEN:
        assert httpx.get(f"{up.prefect.url}{path}", trust_env=False).status_code == 200
    for stranger in strangers:
        user, _, password = (stranger.secret or "").partition(":")
        auth = (user, password) if stranger.secret else None
        with httpx.Client(base_url=up.prefect.url, auth=auth, trust_env=False, timeout=10) as client:
            for method, path in (
                ("GET", "/api/version"),
                ("GET", "/api/admin/version"),
                ("GET", "/api/csrf-token?client=x"),
                ("POST", "/api/flows/filter"),
                ("POST", "/api/flow_runs/filter"),
                ("POST", "/api/deployments/filter"),
                ("PATCH", f"/api/deployments/{deployment['id']}"),
                ("POST", f"/api/deployments/{deployment['id']}/create_flow_run"),
                ("POST", "/api/flows/"),
                ("POST", "/api/admin/database/clear"),
            ):
                assert client.request(method, path, json={}).status_code in (401, 403), path
    assert up.prefect.get("/deployments/name/load-files/sales")["updated"] == deployment["updated"]


def test_a_page_that_knows_the_secret_of_a_browser_still_changes_nothing_across_sites(up: Installation) -> None:
    user, _, password = str(up.prefect.secret).partition(":")
    simple = {"Content-Type": "text/plain", "Origin": "http://evil.example"}
    answer = httpx.post(
        f"{up.prefect.url}/api/flows/", content='{"name": "evil"}', headers=simple, auth=(user, password),
        trust_env=False,
    )  # fmt: skip
    assert answer.status_code == 403 and "CSRF" in answer.text


@pytest.mark.parametrize("path", ["/api/events/out", "/api/events/in", "/api/logs/out"])
def test_the_streams_of_prefect_ask_for_the_secret_too(up: Installation, path: str) -> None:
    address = f"{up.prefect.url.replace('http', 'ws')}{path}"

    def admitted(secret: str) -> bool:
        with websocket(address, subprotocols=[Subprotocol("prefect")]) as stream:
            try:
                stream.send(json.dumps({"type": "auth", "token": secret}))
                return "auth_success" in str(stream.recv(timeout=10))
            except ConnectionClosed:
                return False

    assert admitted(str(up.prefect.secret))
    assert not admitted(f"cubefeed:{'x' * 43}")
    assert not admitted("")


def test_the_secret_is_in_no_command_line_log_or_answer(up: Installation) -> None:
    password = str(up.prefect.secret).partition(":")[2]
    assert oct((up.place.state / "prefect-secret").stat().st_mode)[-3:] == "600"
    for process in up.place.processes():
        assert password not in " ".join(process.cmdline())
    for log in [*up.place.state.glob("*.log"), up.running.log]:
        assert password not in log.read_text(errors="replace")
    assert password not in up.place.run("status").stdout + up.place.run("doctor", code=None).stdout
    assert password not in json.dumps(up.prefect.post("/artifacts/filter", {}))


def test_a_shell_gets_all_that_prefects_own_commands_need(up: Installation) -> None:
    place = up.place
    command = f'eval "$({" ".join(place.command("prefect-env"))})" && {sys.executable} -m prefect deployment ls'
    kept = dict(place.environment)
    try:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            del place.environment[name]
        assert "load-files/sales" in place.run_any("bash", "-c", command).stdout
    finally:
        place.environment.update(kept)


def test_a_port_that_another_program_has_is_an_error_with_a_way_out(up: Installation, tmp_path: Path) -> None:
    other = Place(tmp_path)
    port = up.prefect.url.rpartition(":")[2]
    output = other.run("up", "--prefect-port", port, code=1).stderr
    assert f"port={port}" in output and "--prefect-port" in output and "Traceback" not in output
    other.assert_nothing_left()


def test_everything_listens_on_loopback_only(up: Installation) -> None:
    for process in up.place.processes():
        for connection in process.net_connections("inet"):
            assert connection.status != "LISTEN" or connection.laddr.ip == "127.0.0.1", process.cmdline()


def test_a_run_that_was_taken_for_dead_says_that_it_lives(up: Installation) -> None:
    run = up.owner["run"]
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CRASHED"}, "force": True})
    state = up.prefect.wait_for(run, "Running", patience_s=10)["state"]
    assert state["message"] == "The process is alive" and up.sales()


@pytest.mark.parametrize("killed", ["run", "serve", "both"])
def test_after_kill_9_the_session_is_back_with_the_same_cube(up: Installation, killed: str) -> None:
    up.wait_for_owner()
    before, owner, run = up.sales(), up.owner_process, up.owner["run"]
    victims = {"run": [owner], "serve": [up.serving_process], "both": [up.serving_process, owner]}[killed]
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
    up.wait_for_owner(other_than=owner.pid, patience_s=90)
    assert up.sales() == before and up.owner["run"] != run
    up.prefect.wait_for(run, "Crashed", patience_s=10)
    assert up.prefect.wait_for(up.owner["run"], "Running")
    left = [each for each in up.prefect.runs("load_window") if each["state"]["name"] == "Running"]
    assert all(each["start_time"] > up.prefect.run(run)["end_time"] for each in left)


def test_a_session_that_fails_says_why_and_is_started_again_until_it_lives(up: Installation) -> None:
    up.wait_for_owner()
    run, owner = up.owner["run"], up.owner_process
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger:
        ledger.execute("ALTER TABLE batches RENAME TO away")
        up.place.drop("failing.csv", HEADER + "50,2021-05-08,phone,9\n")
        state = up.prefect.wait_for(run, "Failed", patience_s=30)["state"]
        assert "no such table" in state["message"] and "start it again" in state["message"]
        output = "the live session ended (A part of the session failed, and so it ended: OperationalError: (sqlite3"
        up.running.wait_for_word(output, patience_s=30)
        ledger.execute("ALTER TABLE away RENAME TO batches")
    up.wait_for_owner(other_than=owner.pid, patience_s=90)
    until(lambda: up.sales().get("2021-05-08") == 9, what="the file", patience_s=60)
    assert not (up.place.state / "ended.json").exists()


def test_a_server_that_is_killed_is_started_again_and_the_data_does_not_wait(up: Installation) -> None:
    (server,) = [each for each in up.place.processes() if "uvicorn" in each.cmdline()]
    os.kill(server.pid, signal.SIGKILL)
    up.place.drop("meanwhile.csv", HEADER + "40,2021-05-06,phone,6\n")
    until(lambda: up.sales().get("2021-05-06") == 6, what="the file", patience_s=5)
    until(lambda: up.prefect.get("/health"), what="the server is back", patience_s=60)
    assert up.prefect.run(up.owner["run"])["state"]["name"] == "Running"

    def reported() -> bool:
        artifacts = [*up.prefect.artifacts("loaded-outside-windows"), *up.prefect.artifacts("last-loads")]
        return any(row["file"] == "meanwhile.csv" for artifact in artifacts for row in table(artifact))

    until(reported, what="what was loaded meanwhile is reported", patience_s=60)


def test_after_a_cancelled_session_requests_fail_and_late_runs_wait_and_close_each_its_day(up: Installation) -> None:
    up.wait_for_owner()
    owner, run = up.owner_process, up.owner["run"]
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    state = up.prefect.wait_for(run, "Cancelled", patience_s=10)["state"]
    assert "the session was closed" in state["message"]
    until(lambda: not owner.is_running(), what="its process has ended")
    assert not (up.place.state / "owner.json").exists()
    assert "Nothing is running" in up.place.run("query", "Quantity.SUM", code=3).stderr
    until(lambda: up.prefect.events("cubefeed.session.stopped"), what="the event")

    failed = up.prefect.wait_for(up.prefect.start("load-files/sales"), "Failed", "Completed")
    assert failed["state"]["name"] == "Failed" and "Nothing is running" in failed["state"]["message"]

    mornings = [datetime.now(PARIS).replace(hour=7, minute=0) - timedelta(days=2 + each) for each in range(3)]
    days = [(morning - timedelta(days=1)).date().isoformat() for morning in mornings]
    up.place.drop("middle.csv", HEADER + f"50,{days[1]},phone,5\n")
    late = [up.prefect.start("close-day/sales", at=morning) for morning in mornings]
    for each in late:
        up.prefect.wait_for(each, "Running")

    up.prefect.start("keep-cube-live/cube")
    up.wait_for_owner(other_than=owner.pid)
    assert up.sales()["2021-05-01"] == 10
    closed = [up.prefect.wait_for(each, "Completed", "Failed") for each in late]
    assert [run["name"] for run in closed] == [f"sales · {day}" for day in days]
    assert [run["state"]["name"] for run in closed] == ["Failed", "Completed", "Failed"]
    assert closed[0]["state"]["message"] == f"no row of {days[0]} has come"

    def late_days() -> list[str]:
        return sorted(event["payload"]["business_day"] for event in up.prefect.events("cubefeed.file.late"))

    until(
        lambda: [day for day in late_days() if day in days] == [days[2], days[0]],
        what=f"late once each, not {late_days()}",
    )
    assert {f"{day}.html" for day in days} <= {file.name for file in up.place.state.rglob("reports/*/*.html")}


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_run_that_died_with_everything_around_it_is_crashed_by_the_automation(up: Installation) -> None:
    up.wait_for_owner()
    owner = up.owner_process
    owner.suspend()  # so that a request waits
    try:
        run = up.prefect.start("load-files/sales")
        up.prefect.wait_for(run, "Running")
        until(lambda: up.prefect.events("prefect.flow-run.heartbeat"), what="a heartbeat")
        workers = [each for each in up.serving_process.children(recursive=True) if each.pid != owner.pid]
        for process in (up.serving_process, *workers):
            process.kill()
    finally:
        owner.resume()
    state = up.prefect.wait_for(run, "Crashed", patience_s=200)["state"]
    assert "No heartbeat" in state["message"]


@pytest.mark.browser
def test_the_ui_shows_runs_artifacts_and_deployments(up: Installation) -> None:
    browser = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium here: install the package chromium to see Prefect's pages tested")
    up.place.drop("shown.csv", HEADER + "60,2021-05-07,phone,6\n")  # the pages show the newest runs first
    until(
        lambda: "Running" in [run["state"]["name"] for run in up.prefect.started_runs("load_window")],
        what="a window is open",
    )
    seen = Path(os.environ.get("CUBEFEED_SCREENSHOTS", up.place.root / "screenshots"))
    pages = {
        f"runs/flow-run/{up.owner['run']}": ["keep-cube-live", "initial_load"],
        "runs": ["load_window", "keep-cube-live"],
        "artifacts": ["initial-load", "last-loads", "live-page"],
        "deployments": ["close-day", "load-files", "cube"],
    }
    with browser.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = opened.new_page(viewport={"width": 1400, "height": 900})
        urls: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        page.goto(up.prefect.url)
        page.locator("input[type=password]").fill(up.place.run("prefect-password").stdout.strip())
        page.keyboard.press("Enter")
        page.get_by_text("Flow Runs").first.wait_for(timeout=20_000)
        for path, words in pages.items():
            page.goto(f"{up.prefect.url}/{path}")
            for word in words:
                page.get_by_text(word).first.wait_for(timeout=20_000)
            page.screenshot(path=seen / f"{path.split('/')[0]}-{path.count('/')}.png")
        opened.close()
    assert {url.split("/")[2] for url in urls if "://" in url} == {up.prefect.url.split("/")[2]}
