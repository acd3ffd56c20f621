"""Questions with values at every edge: answered as the rows say, or refused; over HTTP too, and never with a 500."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import QueryError
from flows.model.conditions import Among, Begins, Between, Compare, Contains
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import BOOLEAN, DATE, DATETIME, FLOAT, INTEGER, STRING
from flows.web.api import Api
from tests.conditions import among
from tests.cube_rows import all_rows, rows_of
from tests.sound_source import SoundSource

TABLE = Table(
    "edges",
    (
        Column("Number", INTEGER),
        Column("Share", FLOAT),
        Column("Text", STRING, nullable=True),
        Column("Flag", BOOLEAN, nullable=True),
        Column("Day", DATE, nullable=True),
        Column("Moment", DATETIME, nullable=True),
        Column("Amount", INTEGER, nullable=True),
        Column("Price", FLOAT, nullable=True),
    ),
    keys=("Number", "Share"),
)
WHOLE = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.1, 1.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan]
TEXTS = [None, "", "\0", "a\0b", "'; DROP TABLE t0; --", "\u2028", "🙂", "é", "e\u0301", "NULL"]
DAYS = [None, date.min, date.max, date(1969, 12, 31), date(2024, 2, 29)]
MOMENTS = [None, datetime.min, datetime.max, datetime(1969, 12, 31, 23, 59, 59, 999999)]  # noqa: DTZ901, DTZ001  # columns have no zone
FLAGS = [None, True, False]
VALUES: dict[str, list[Any]] = {
    "Number": WHOLE,
    "Share": FLOATS,
    "Text": TEXTS,
    "Flag": FLAGS,
    "Day": DAYS,
    "Moment": MOMENTS,
    "Amount": [None, *WHOLE],
    "Price": [None, *(number for number in FLOATS if number != -1e308)],  # else a sum depends on the order of its rows
}
OF_ROWS = [level for level in TABLE.levels if level.columns]
for level in OF_ROWS:
    if not level.is_column:
        (name,) = level.columns
        column = pl.Series(name, VALUES[name], dtype=TABLE.column(name).type.frame)
        VALUES[level.name] = column.to_frame().select(level.expression.unique()).to_series().to_list()
LEVELS = [level.name for level in OF_ROWS]
OTHERS = tuple(f"{level.name}." for level in TABLE.levels if level not in OF_ROWS)
MEASURES = [measure.name for measure in TABLE.measures if not measure.name.startswith(OTHERS)]
STRANGE = [2**63, -(2**63) - 1, 10**40, "2021-05-01", 1.5, True, datetime.max.replace(tzinfo=UTC), "", b"x", [], None]
ROWS = st.lists(st.tuples(*(st.sampled_from(VALUES[column.name]) for column in TABLE.columns)), max_size=12)


def values_of(level: str) -> st.SearchStrategy[Any]:
    """Values of a level, and once in a while others."""
    return st.sampled_from(VALUES[level] * 3 + STRANGE)


WHERE = st.dictionaries(
    st.sampled_from(LEVELS),
    st.lists(st.sampled_from([value for name in LEVELS for value in VALUES[name]] + STRANGE), max_size=3),
    max_size=2,
) | st.fixed_dictionaries({}, optional={name: st.lists(st.sampled_from(VALUES[name]), max_size=3) for name in LEVELS})
ORDERED = st.sampled_from(LEVELS).flatmap(
    lambda name: st.one_of(
        st.builds(Compare, st.just(name), st.sampled_from(["<", "<=", ">", ">="]), values_of(name)),
        st.builds(Between, st.just(name), values_of(name), values_of(name)),
        st.builds(Among, st.just(name), st.lists(values_of(name), max_size=2).map(tuple), st.just(True)),
        st.builds(Begins, st.just(name), st.sampled_from(TEXTS[1:])),
        st.builds(Contains, st.just(name), st.sampled_from(TEXTS[1:])),
    )
)
QUERIES = st.builds(
    Query,
    st.just(TABLE.name),
    st.permutations(MEASURES).map(lambda names: tuple(names[:3])),
    st.permutations(LEVELS).flatmap(lambda order: st.integers(0, 3).map(lambda n: tuple(order[:n]))),
    st.tuples(WHERE.map(among), st.lists(ORDERED, max_size=2)).map(lambda found: (*found[0], *found[1])),
    st.booleans(),
)


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return rows_of(TABLE, rows)


def answer(ask: Any) -> pl.DataFrame | str:
    try:
        found: pl.DataFrame = ask()
        return found
    except QueryError as error:
        return error.what


def agree(rows: list[tuple[Any, ...]], query: Query) -> None:
    """The cube answers as its rows do, or refuses what the model refuses."""
    cube = DuckDbCube((TABLE,))
    try:
        cube.apply(ChangeSet(TABLE.name, frozenset(), frame(rows).unique(TABLE.keys, keep="first")))
        found = answer(lambda: cube.query(query))
        held = all_rows(cube, TABLE.name).drop(VERSION, LINE)
        if isinstance(found, str):
            with pytest.raises(QueryError):
                query.checked((TABLE,))
        else:
            assert_frame_equal(found, frames.aggregate(TABLE, query, held), check_exact=False, rel_tol=1e-9)
    finally:
        cube.close()


@pytest.mark.parametrize("examples", [60, pytest.param(2_000, marks=pytest.mark.deep)])
def test_both_ways_to_answer_agree_at_every_edge(examples: int) -> None:
    settings(max_examples=examples, deadline=None)(given(ROWS, QUERIES)(agree))()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    cube = DuckDbCube((TABLE,))
    names = [column.name for column in TABLE.columns]
    rows = [tuple(VALUES[name][turn % len(VALUES[name])] for name in names) for turn in range(10)]
    cube.apply(ChangeSet(TABLE.name, frozenset(), frame(rows).unique(TABLE.keys)))

    class Source(SoundSource):
        model = staticmethod(lambda: cube.model)
        query = staticmethod(cube.query)
        rows = staticmethod(lambda query, *, raw, bounds: (list[object](), cube.rows(query, bounds=bounds).count))
        files = staticmethod(lambda *_, **__: [])
        findings = staticmethod(lambda *_, **__: None)
        status = staticmethod(lambda: dict[str, object]())
        complaints = staticmethod(lambda: list[str]())

    api = Api(Source(), fail=lambda *_: None)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=api.routes)) as opened:
        yield opened
    api.close()
    cube.close()


NAMES = (
    st.sampled_from([*LEVELS, *(measure.name for measure in TABLE.measures), "_version", "", "t0", "c0"]) | st.text()
)
WRITTEN = st.sampled_from([
    *(str(value) for values in VALUES.values() for value in values), "0001-01-01", "9999-12-31T23:59:59.999999",
    "nan", "-inf", "1e999", "9" * 5_000, "1_0", "²", "0001-W01-1", "10000-01-01", "\0", "\ud800", "2021-05-01T00:00Z",
])  # fmt: skip
PATHS = ["/api/query", "/api/rows", "/api/files", "/api/findings", "/api/status", "/health"]
KNOWN = ["measure", "by", "totals", "dataset", "limit", "offset", "raw", "state", "version"]
SIGNS = st.sampled_from(["=", "!=", "<", ">=", "~", "^", " in ", " between ", " is null"])
TOPS = st.sampled_from(["1", "0", "2 per Number", "true", "-Amount.SUM", "99999999999999999999"])
PARAMETERS = st.lists(
    st.tuples(st.sampled_from(KNOWN), NAMES | WRITTEN)
    | st.tuples(st.sampled_from(["where", "having"]), st.tuples(NAMES, SIGNS, WRITTEN).map("".join) | NAMES)
    | st.tuples(st.sampled_from(["sort", "top", "others", "offset"]), NAMES | WRITTEN | TOPS)
    | st.tuples(NAMES, WRITTEN),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PATHS), PARAMETERS)
def test_no_parameters_are_an_error_of_the_server(
    client: TestClient, path: str, parameters: list[tuple[str, str]]
) -> None:
    given = [("measure", "Amount.SUM"), *parameters] if path == "/api/query" else parameters
    found = client.get(f"{path}?{urlencode(given, errors='surrogatepass')}")
    assert found.status_code in (200, 400, 404), found.text
    assert found.json() is not None
    assert found.status_code != 400 or {"error", "next"} <= found.json().keys()


@settings(deadline=None)
@given(st.binary(max_size=30))
def test_no_bytes_are_an_error_of_the_server(client: TestClient, raw: bytes) -> None:
    for name in ("where", "by", "limit"):
        found = client.get(f"/api/query?measure=Amount.SUM&{name}={quote_from_bytes(raw)}")
        assert found.status_code in (200, 400) and found.json() is not None
