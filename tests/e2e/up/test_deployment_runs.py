"""`cubefeed up`: the session, its windows and the deployments as Prefect shows them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Installation
from tests.e2e.run_actions import cancelled_runs_ask_nothing, retried_runs_do_the_same_again
from tests.e2e.up.artifacts import HEADER, rows_of
from tests.waiting import until

TWO_DAYS = {"2021-05-01": 10, "2021-05-02": 7}
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def prefect(up: Installation, *arguments: str, code: int = 0) -> str:
    """Prefect's own command line."""
    done = up.place.run_any(sys.executable, "-m", "prefect", *arguments, code=code)
    return done.stdout + done.stderr


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
    assert {(row["file"], row["state"], row["rows"]) for row in rows_of(loads)} == {
        ("sales_2021-05-01.csv", "loaded", 4),
        ("sales_2021-05-02.csv", "loaded", 3),
    }
    (event,) = until(lambda: up.prefect.events("cubefeed.session.started"), what="the event")
    assert event["resource"]["prefect.resource.id"] == "cubefeed.dataset.sales"


def test_what_lands_is_seen_as_a_window_with_its_files_and_findings(up: Installation) -> None:
    up.place.drop("third.csv", HEADER + "8,2021-05-03,phone,2\n9,2021-05-03,watch,6\n")
    until(lambda: up.sales().get("2021-05-03") == 8, what="the third day")
    up.place.drop("bad.csv", HEADER + "20,2021-05-04,phone,many\n21,2021-05-04,,3\n")
    (findings,) = until(lambda: up.prefect.artifacts("findings-sales"), what="the findings")
    assert [(row["line"], row["column"], row["rule"], row["raw"]) for row in rows_of(findings)] == [
        (2, "Quantity", "integer", "many"),
        (3, "Product", "nullability", ""),
    ]
    assert findings["type"] == "table" and "bad.csv" in findings["description"]

    window = next(run for run in up.prefect.runs("load_window") if run["id"] == findings["flow_run_id"])
    assert re.fullmatch(r"sales · \d files?, 1 refused · \d\d:\d\d:\d\d", window["name"]), window["name"]
    assert window["parent_task_run_id"] is None
    message = up.prefect.wait_for(window["id"], "Completed")["state"]["message"]
    assert "1 quarantined" in message and "bad.csv quarantined" in message and "'many'" in message
    shown = [row["file"] for artifact in up.prefect.artifacts("last-loads") for row in rows_of(artifact)]
    outside = [row["file"] for artifact in up.prefect.artifacts("loaded-outside-windows") for row in rows_of(artifact)]
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
    assert [(row["file"], row["state"], row["rows"]) for row in rows_of(artifact)] == [
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
    assert [(row["file"], row["state"]) for row in rows_of(artifact)] == [("refused.csv", "quarantined")]
    refused.unlink()


def test_deployments_are_listed_and_their_schedules_produce_runs(up: Installation) -> None:
    listed = prefect(up, "deployment", "ls")
    assert all(name in listed for name in ("keep-cube-live/cube", "load-files/sales", "close-day/sales"))
    runs = until(lambda: up.prefect.runs("close-day"), what="scheduled runs")
    assert all(run["state"]["name"] == "Scheduled" and run["auto_scheduled"] for run in runs)


def test_the_day_is_closed_with_a_report_that_says_what_is_missing(up: Installation) -> None:
    run = up.prefect.wait_for(up.prefect.start("close-day/sales"), "Failed", "Completed")
    assert run["state"]["name"] == "Failed" and "has come" in run["state"]["message"]
    (artifact, *_) = up.prefect.artifacts("close-day-sales")
    assert f"[report]({up.owner['url']}/reports/sales/" in artifact["description"]
    (day,) = rows_of(artifact)
    assert day["missing"] == day["extra"] == 0 and day["arrived"] is False
    (report, *_) = up.prefect.artifacts("report-sales")
    assert day["business_day"] in report["data"] and f"/runs/flow-run/{run['id']}" in report["data"]
    page = up.place.state / "reports" / "sales" / f"{day['business_day']}.html"
    assert "has come" in page.read_text(encoding="utf-8")
    up.place.run("report", "--date", day["business_day"])
    assert up.place.run("report", "--format", "markdown").stdout == report["data"]


def test_days_are_closed_by_name_each_in_a_task_of_its_own_and_the_state_says_which_are_wrong(up: Installation) -> None:
    output = prefect(up, "deployment", "run", "close-day/sales", "-p", "date=2021-05-02", "--watch")
    assert "Completed" in output, output
    (one, *_) = up.prefect.started_runs("close-day")
    assert one["name"] == "sales · 2021-05-02"
    assert one["state"]["message"] == "3 rows of 2021-05-02; the cube equals the ledger"
    missing = up.prefect.start("close-day/sales", date="2021-04-30")
    some = up.prefect.start("close-day/sales", date="2021-04-30", until="2021-05-02")
    state = up.prefect.wait_for(missing, "Failed", "Completed")["state"]
    assert (state["name"], state["message"]) == ("Failed", "no row of 2021-04-30 has come")
    found = up.prefect.wait_for(some, "Failed", "Completed")
    assert found["name"] == "sales · 2021-04-30 to 2021-05-02" and found["state"]["name"] == "Failed"
    assert found["state"]["message"].startswith("1 of 3 days is wrong: 2021-04-30. 2021-04-30: no row of 2021-04-30")
    tasks = up.prefect.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [some]}}})
    assert {task["name"]: task["state"]["name"] for task in tasks} == {
        "2021-04-30": "Failed",
        "2021-05-01": "Completed",
        "2021-05-02": "Completed",
    }
    shown = {each["task_run_id"] for each in up.prefect.artifacts("close-day-sales") if each["flow_run_id"] == some}
    assert shown == {task["id"] for task in tasks}


def test_days_that_are_loaded_again_beside_a_close_leave_the_daily_schedule_as_it_is(up: Installation) -> None:
    def schedules() -> list[tuple[bool, object]]:
        found = up.prefect.get("/deployments/name/close-day/sales")
        return [(each["active"], each["schedule"]) for each in found["schedules"]]

    def planned() -> set[str]:
        return {run["id"] for run in up.prefect.runs("close-day") if run["auto_scheduled"]}

    declared, planned_before = schedules(), until(planned, what="the scheduled runs")
    backfill = up.prefect.start("load-files/sales", mode="reload", paths=["sales_2021-05-0*.csv"])
    close = up.prefect.start("close-day/sales", date="2021-05-01", until="2021-05-02")
    assert up.prefect.wait_for(backfill, "Failed", "Completed")["state"]["name"] == "Completed"
    assert up.prefect.wait_for(close, "Failed", "Completed")["state"]["name"] == "Completed"
    assert schedules() == declared and declared[0][0]
    assert planned_before <= planned()


def test_what_becomes_of_a_business_day_is_an_event_each(up: Installation) -> None:
    def told(what: str) -> list[dict[str, Any]]:
        payloads = [event["payload"] for event in up.prefect.events(f"cubefeed.day.{what}")]
        return [payload for payload in payloads if payload["business_day"] == "2021-06-01"]

    up.place.drop("june.csv", HEADER + "70,2021-06-01,phone,7\n")
    (arrived,) = until(lambda: told("arrived"), what="the day's arrival")
    assert (arrived["rows"], arrived["said_by"], arrived["state"]) == (1, "rows", "arrived")
    run = up.prefect.start("close-day/sales", date="2021-06-01")
    up.prefect.wait_for(run, "Completed")
    (closed,) = until(lambda: told("closed"), what="the day's close")
    assert closed["run"] == run
    up.place.drop("june.csv", HEADER + "70,2021-06-01,phone,9\n")
    (restated,) = until(lambda: told("restated"), what="the day's correction")
    assert restated["changes"][0] == {"measure": "Quantity.SUM", "before": 7, "after": 9}
    shown = up.place.json("status")["datasets"]["sales"]["days"]
    assert "Quantity.SUM 7 → 9" in next(each["words"] for each in shown if each["day"] == "2021-06-01")


def test_days_that_mean_nothing_fail_within_seconds_and_say_why(up: Installation) -> None:
    reasons: dict[str, dict[str, Any]] = {
        "date: There is no such day [got=2021-02-30]. Next:": {"date": "2021-02-30"},
        "ends before it begins": {"date": "2021-05-02", "until": "2021-05-01"},
        "A range has to begin": {"until": "2021-05-01"},
        "Next: name one of sales": {"dataset": "orders"},
    }
    for reason, wrong in reasons.items():
        run = up.prefect.start("close-day/sales", **wrong)
        state = up.prefect.wait_for(run, "Failed", "Completed")["state"]
        assert state["name"] == "Failed" and reason in state["message"], state["message"]
    output = prefect(up, "deployment", "run", "close-day/sales", "-p", "day=2021-05-02", code=1)
    assert "were specified but not found" in output and "'until'" in output
    id = up.prefect.get("/deployments/name/close-day/sales")["id"]
    refused = up.prefect.ask("POST", f"/deployments/{id}/create_flow_run", {"parameters": {"day": "2021-05-02"}})
    assert refused.status_code == 409 and "'day' was unexpected" in refused.text


def test_a_second_up_says_who_is_running(up: Installation) -> None:
    output = up.place.run("up", code=1).stderr
    assert f"pid {up.owner['pid']}" in output and up.owner["url"] in output


def test_a_second_live_run_ends_cancelled_and_names_the_first(up: Installation) -> None:
    run = up.prefect.wait_for(up.prefect.start("keep-cube-live/cube"), "Cancelled", "Completed", "Failed")
    assert run["state"]["name"] == "Cancelled"
    assert f"pid {up.owner['pid']}" in run["state"]["message"] and up.owner["run"] in run["state"]["message"]
    assert up.prefect.run(up.owner["run"])["state"]["name"] == "Running"


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


def test_a_run_that_is_cancelled_asks_nothing_of_the_session_any_more(up: Installation) -> None:
    cancelled_runs_ask_nothing(up)


def test_a_run_that_is_retried_closes_the_same_day_again_and_run_again_is_a_new_run(up: Installation) -> None:
    retried_runs_do_the_same_again(up)
