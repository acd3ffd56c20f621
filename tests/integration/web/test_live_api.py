"""The read API and the page's channel of a real session, over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from starlette.applications import Starlette
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import TooSlow
from flows.model.merge import ChangeSet
from flows.model.tables import VERSION, Column, Query, Table
from flows.model.types import INTEGER, STRING
from flows.store.state_directory import StateDirectory
from flows.web import connections
from flows.web.api import AT_ONCE, Api
from tests.integration.live_feed import Living, live, sales
from tests.integration.web.channel import Reader

SUM = "Quantity.SUM"
PATHS = ("/api/query", "/api/status", "/api/files", "/api/findings", "/health", "/metrics", "/openapi.json")


class Session:
    """A session with two good files and a refused one, and how to ask it."""

    def __init__(self, living: Living, url: str) -> None:
        self.living = living
        self.url = url

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, trust_env=False, timeout=20)

    @property
    def channel(self) -> str:
        return self.url.replace("http", "ws") + "/live"


@pytest.fixture
def session(quick: None, tmp_path: Path) -> Iterator[Session]:
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(4, 6))
        living.put("b.csv", sales(7, start=10, day="2021-05-02"))
        living.put("bad.csv", sales(-1, start=20))
        living.wait_until(lambda: living.state_of("bad.csv") == "quarantined" and len(living.quantities()) == 3)
        owner = StateDirectory(tmp_path / "state").require_owner()
        yield Session(living, str(owner.url))


def test_queries_are_answered(session: Session) -> None:
    answer = session.get("/api/query?measure=Quantity.SUM&by=Date&totals=true").json()
    assert answer == {
        "dataset": "sales",
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
        ("/api/query?measure=Quantity.SUM&where=Date=yesterday", "where", None),
        ("/api/query?measure=Quantity.SUM&where=ID=99999999999999999999", "where", None),
        ("/api/query?measure=Quantity.SUM&by=Date&by=Date", "by", None),
        ("/api/query?measure=Quantity.SUM&totals=perhaps", "totals", "true"),
        ("/api/query?measure=Quantity.SUM&limit=0", "limit", None),
        ("/api/query?measure=Quantity.SUM&by=ID&limit=2", "limit", None),
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


def test_the_channel_tells_and_does_not_listen(session: Session) -> None:
    page = Reader()
    with connect(session.channel, proxy=None) as channel:
        receive_cells(channel, page)
        assert page.kinds == ["snapshot"] and page.sums(of=SUM) == {(): 17}
        for message in ("{}", b"\x00" * 900, '{"kind": "snapshot"}'):
            channel.send(message)
        session.living.put("c.csv", sales(8, start=30, day="2021-05-03"))
        receive_cells(channel, page)
        assert page.kinds == ["snapshot", "delta"] and page.sums(of=SUM) == {(): 25}
        assert "cubefeed_live_pages 1.0" in session.get("/metrics").text
        channel.send("x" * 2000)
        with pytest.raises(ConnectionClosed):
            receive_cells(channel, page)
    assert session.living.quantities(by="Product") == {"phone": 25}


def test_a_page_that_does_not_read_slows_no_commit_and_catches_up(session: Session) -> None:
    page = Reader()
    with connect(session.channel, proxy=None, max_queue=1) as sleeping:
        receive_cells(sleeping, page)
        for number in range(80):
            session.living.put(f"s{number}.csv", sales(1, start=100 + number))
        session.living.wait_until(lambda: len(session.living.quantities()) == 83)
        while page.sums(of=SUM) != {(): 97}:
            receive_cells(sleeping, page)


def test_other_sites_and_other_names_are_refused_on_upgrades_too(session: Session) -> None:
    assert session.get("/api/status", Host="evil.example").status_code == 400
    assert session.get("/api/status", Origin="http://evil.example").status_code == 403
    assert session.get("/api/status", Origin="null").status_code == 403
    assert session.get("/api/status", Origin=session.url).status_code == 200
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "http://localhost:1"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(session.channel, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 403


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


def receive_cells(channel: Connection, page: Reader) -> None:
    """Take the next message about cells; the overview is skipped."""
    while True:
        message = channel.recv(timeout=20)
        if isinstance(message, bytes):
            return page.take(message)


def large_cube(rows: int) -> DuckDbCube:
    """A table whose groups by all levels take a while."""
    table = Table("large", (Column("A", INTEGER), Column("B", STRING), Column("Q", INTEGER)), keys=("A",))
    cube = DuckDbCube((table,))
    numbers = pl.int_range(rows, eager=True)
    columns = {"A": numbers, "B": numbers.cast(pl.String), "Q": numbers, VERSION: pl.repeat(1, rows, eager=True)}
    cube.apply(ChangeSet("large", frozenset(), pl.DataFrame(columns)))
    return cube


class Large:
    """A source over a large cube; it says how long each query took until it was interrupted."""

    def __init__(self, cube: DuckDbCube) -> None:
        self.cube = cube
        self.model = lambda: cube.model
        self.interrupted_s: list[float] = []

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        begun = time.monotonic()
        try:
            return self.cube.query(query, bounds=bounds)
        except TooSlow:
            self.interrupted_s.append(time.monotonic() - begun)
            raise


def test_a_query_that_takes_too_long_is_interrupted_and_frees_its_place() -> None:
    source = Large(large_cube(400_000))
    query = Query("large", ("Q.SUM",), ("A", "B"), totals=True)
    begun = time.monotonic()
    source.cube.query(query)
    whole_s = time.monotonic() - begun
    api = Api(source, timeout_s=whole_s / 10, fail=lambda *_: None)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=api.routes)) as client:
        for _ in range(AT_ONCE + 2):
            answer = client.get("/api/query?measure=Q.SUM&by=A&by=B&totals=true")
            assert answer.status_code == 504 and "longer than" in answer.json()["error"]
    api.close()
    assert source.interrupted_s and max(source.interrupted_s) < whole_s * 0.7
    assert (
        source.cube.query(Query("large", ("contributors.COUNT",)), bounds=Bounds(within_s=20))["contributors.COUNT"][0]
        == 400_000
    )
    source.cube.close()


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


def test_connections_that_ask_nothing_give_way_to_those_that_ask(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 10)
    port = int(session.url.rsplit(":", 1)[1])
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(40)]
        assert session.get(f"/api/query?measure={SUM}").json()["rows"] == [{SUM: 17}]
        assert [_is_closed(connection) for connection in idle[:30]] == [True] * 30


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side has let go of a connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
