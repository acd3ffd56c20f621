"""The read API of a real session, over real HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from markupsafe import escape
from schemathesis import GenerationMode
from typer.testing import CliRunner

from flows.cli.main import app
from flows.model.completeness import Completeness
from flows.store.state_directory import StateDirectory
from flows.web.headers import POLICY
from tests.integration.live_feed import live, sales
from tests.integration.web.running_session import Session

SUM = "Quantity.SUM"
PATHS = (
    "/api/query", "/api/rows", "/api/table", "/api/status", "/api/files", "/api/findings", "/health", "/metrics",
    "/openapi.json",
)  # fmt: skip


def test_queries_are_answered(session: Session) -> None:
    answer = session.get("/api/query?measure=Quantity.SUM&by=Date&totals=true").json()
    assert answer == {
        "dataset": "sales",
        "measures": {"Quantity.SUM": {"kind": "integer"}},
        "count": 3,
        "rows": [
            {"Date": None, "Quantity.SUM": 17, "total_depth": 0},
            {"Date": "2021-05-01", "Quantity.SUM": 10, "total_depth": 1},
            {"Date": "2021-05-02", "Quantity.SUM": 7, "total_depth": 1},
        ],
    }
    answer = session.get("/api/query?measure=contributors.COUNT&where=Date=2021-05-01&where=Product=phone").json()
    assert answer["rows"] == [{"contributors.COUNT": 2}]


@pytest.mark.parametrize(
    ("path", "field", "allowed"),
    [
        ("/api/query", "measure", "Quantity.SUM"),
        ("/api/query?measure=Quantty.SUM", "measure", "Quantity.SUM"),
        ("/api/query?measure=Quantity.SUM&by=Dat", "by", "Date"),
        ("/api/query?measure=Quantity.SUM&where=Dat=1", "where", "Date"),
        ("/api/query?measure=Quantity.SUM&where=Date", "where", "Date=…"),
        ("/api/query?measure=Quantity.SUM&where=Date=tomorrow", "where", None),
        ("/api/query?measure=Quantity.SUM&where=ID=99999999999999999999", "where", None),
        ("/api/query?measure=Quantity.SUM&by=Date&by=Date", "by", None),
        ("/api/query?measure=Quantity.SUM&totals=perhaps", "totals", "true"),
        ("/api/query?measure=Quantity.SUM&limit=0", "limit", None),
        ("/api/query?measure=Quantity.SUM&by=ID&limit=100001", "limit", None),
        ("/api/query?measure=Quantity.SUM&measures=x", "measures", "measure"),
        ("/api/query?dataset=sale&measure=Quantity.SUM", "dataset", "sales"),
        ("/api/files?state=done", "state", "quarantined"),
        ("/api/files?limit=1e3", "limit", None),
        ("/api/files?limit=1&limit=2", "limit", None),
        ("/api/findings?dataset=sales", "version", None),
        ("/api/findings?dataset=sales&version=²", "version", None),
        ("/api/status?x", "x", None),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_allowed(
    session: Session, path: str, field: str, allowed: str | None
) -> None:
    answer = session.get(path)
    body = answer.json()
    assert answer.status_code == 400 and body["field"] == field and body["error"] and body["next"]
    assert allowed is None or allowed in body["allowed"]


def test_files_findings_and_health(session: Session) -> None:
    [refused] = session.get("/api/files?state=quarantined").json()
    assert refused["file"] == "bad.csv" and refused["first_finding"]["column"] == "Quantity"
    report = session.get(f"/api/findings?dataset=sales&version={refused['version']}").json()
    assert report["findings"][0]["raw"] == "-1"
    assert session.get("/api/findings?dataset=sales&version=999").status_code == 404
    health = session.get("/health")
    assert health.status_code == 503 and "sales" in health.json()["complaints"][0]
    (session.living.landing / "bad.csv").unlink()
    session.living.put("bad.csv", sales(1, start=20))
    session.living.wait_until(lambda: session.get("/health").status_code == 200)


def test_a_name_that_is_no_text_is_shown_with_the_others(quick: None, tmp_path: Path) -> None:
    with live(tmp_path, "native", from_path=r"sales_(?P<Product>.*)\.csv") as living:
        living.put(b"sales_\xe9.csv", sales(1))
        session = Session(living, str(StateDirectory(tmp_path / "state").require_owner().url))
        living.wait_until(lambda: bool(living.files()))
        answer = session.get("/api/files")
        assert answer.status_code == 200, answer.text
        [refused] = answer.json()
        assert (refused["file"], refused["first_finding"]["raw"]) == (r"sales_\xe9.csv", r"sales_\udce9.csv")
        report = session.get(f"/api/findings?dataset=sales&version={refused['version']}").json()
        assert report["findings"][0]["raw"] == r"sales_\udce9.csv"


def test_files_that_wait_are_named_where_they_are_asked_for_and_by_the_command(quick: None, tmp_path: Path) -> None:
    with live(tmp_path, "native", completeness=Completeness(marker=".done")) as living:
        living.put("a.csv", sales(1))
        living.inbox.rescan()
        session = Session(living, str(StateDirectory(tmp_path / "state").require_owner().url))
        assert session.get("/api/files").json() == []
        [waiting] = session.get("/api/files?state=detected").json()
        assert (waiting["file"], waiting["standing"], waiting["version"]) == ("a.csv", "waiting", None)
        command = ["files", "--state", str(tmp_path / "state"), "--format", "json"]
        assert json.loads(CliRunner().invoke(app, command).stdout) == [waiting]
        assert json.loads(CliRunner().invoke(app, [*command, "--only", "loaded"]).stdout) == []


def test_the_figures_for_prometheus(session: Session) -> None:
    text = session.get("/metrics").text
    for line in (
        'cubefeed_files{dataset="sales",state="loaded"} 2.0',
        'cubefeed_files{dataset="sales",state="quarantined"} 1.0',
        'cubefeed_rows{dataset="sales"} 3.0',
        f'cubefeed_bytes{{dataset="sales"}} {len(sales(4, 6)) + len(sales(7, start=10)):.1f}',
        'cubefeed_lag_seconds{dataset="sales"} 0.0',
        "cubefeed_live_pages 0.0",
    ):
        assert line in text
    for name in ("commit_seconds_count", "detection_seconds_count", "last_scan_age_seconds"):
        assert f'cubefeed_{name}{{dataset="sales"}} ' in text


def test_pages_and_assets_are_kept_as_they_should_be(session: Session) -> None:
    page = session.get("/")
    assert (
        page.headers["cache-control"] == "no-cache" and "default-src 'none'" in page.headers["content-security-policy"]
    )
    assert session.get("/", **{"If-None-Match": page.headers["etag"]}).status_code == 304
    engine = next(part for part in page.text.split('"') if part.endswith("anywidget.js"))
    with httpx.stream("GET", f"{session.url}/{engine}", trust_env=False) as answer:
        assert "immutable" in answer.headers["cache-control"] and int(answer.headers["content-length"]) > 1_000_000
    assert "://" not in page.text.replace("http://www.w3.org", "")


def test_the_description_is_a_page_too_that_needs_nothing_from_elsewhere(session: Session) -> None:
    answer, described = session.get("/api"), session.get("/openapi.json").json()
    assert answer.headers["content-type"].startswith("text/html") and "default-src 'none'" in answer.headers[POLICY]
    assert not re.findall(r'(?:src|href)="[^"]*//', answer.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert session.get(f"/{address.removeprefix('./')}").status_code == 200, address
    for path, item in described["paths"].items():
        assert (f"GET {path}<" in answer.text) is not path.startswith("/api/v1/"), path
        for parameter in item["get"]["parameters"]:
            assert f"<code>{parameter['name']}</code>" in answer.text
            assert escape(parameter["description"]) in answer.text, parameter
    assert "contributors.COUNT" in answer.text and "such as <code>where=Date&gt;=2021-05-01</code>" in answer.text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", PATHS)
def test_no_answer_contradicts_the_description(session: Session, path: str) -> None:
    refused = {"checks": {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}}}  # 414 among them
    config = schemathesis.Config.from_dict(refused)
    operation = schemathesis.openapi.from_url(f"{session.url}/openapi.json", config=config)[path]["GET"]
    excluded = [schemathesis.checks.positive_data_acceptance]
    if path == "/health":
        excluded.append(schemathesis.checks.not_a_server_error)  # 503 is its way to say that something is stale
    for mode in GenerationMode if "/api/" in path and "status" not in path else [GenerationMode.POSITIVE]:

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(generation_mode=mode))
        def answered(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(excluded_checks=excluded)

        answered()
