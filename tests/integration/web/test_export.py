"""A whole table as Parquet files with a manifest, of one state of it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import EngineFailed
from tests.cube_rows import rows_of
from tests.integration.live_feed import sales
from tests.integration.web.running_session import Session
from tests.integration.web.served_cube import ROWS, TRADES, ServedCube, served_trades
from tests.waiting import until


def cli(session: Session, *words: str) -> tuple[int, str]:
    state = session.living.landing.parent / "state"
    found = CliRunner().invoke(app, ["export", "sales", *words, "--state", str(state)])
    return found.exit_code, f"{found.stderr}{found.exception or ''}"


def test_a_table_is_exported_with_a_manifest_that_names_its_files(session: Session, tmp_path: Path) -> None:
    to = tmp_path / "export"
    code, said = cli(session, "-o", str(to), "--partition-by", "Date")
    assert code == 0 and "3 rows in 2 files" in said, said
    manifest = json.loads((to / "_manifest.json").read_text())
    assert (manifest["dataset"], manifest["rows"], manifest["partitioned_by"]) == ("sales", 3, "Date")
    assert manifest["columns"] == {"ID": "integer", "Date": "date", "Product": "string", "Quantity": "integer"}
    assert isinstance(manifest["commit"], int)
    for file in manifest["files"]:
        body = (to / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert [Path(file["path"]).parent.name for file in manifest["files"]] == ["Date=2021-05-01", "Date=2021-05-02"]
    found = pl.read_parquet(to / "**/*.parquet", hive_partitioning=True).sort("ID")
    assert pads.dataset(to, partitioning="hive").count_rows() == 3
    assert found["ID"].to_list() == [1, 2, 10] and found["Quantity"].to_list() == [4, 6, 7]

    code, said = cli(session, "-o", str(to))
    assert code == 1 and "--overwrite" in said
    session.living.put("c.csv", sales(9, start=30))
    session.living.wait_until(lambda: 30 in session.living.quantities())
    assert cli(session, "-o", str(to), "--overwrite")[0] == 0
    assert sorted(os.listdir(to)) == ["_manifest.json", "part-0-0.parquet"]
    later = json.loads((to / "_manifest.json").read_text())
    assert later["rows"] == 4 and later["commit"] > manifest["commit"]


def test_an_export_replaces_nothing_else_and_leaves_nothing_half(session: Session, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    before = sorted(os.listdir(tmp_path))
    for words in (("-o", str(tmp_path / "mine"), "--overwrite"), ("-o", str(tmp_path / "x"), "--partition-by", "Dat")):
        code, said = cli(session, *words)
        assert code == 1 and ("no export" in said or "use one of ID, Date" in said), said
    assert sorted(os.listdir(tmp_path)) == before and os.listdir(tmp_path / "mine") == ["thesis.txt"]


@pytest.fixture
def trades() -> Iterator[ServedCube]:
    with served_trades() as served:
        yield served


def test_a_table_leaves_as_it_was_when_its_first_rows_were_read(trades: ServedCube) -> None:
    trades.pause = threading.Event()
    with httpx.stream("GET", f"{trades.server.url}/api/v1/table", trust_env=False, timeout=60) as answer:
        until(lambda: trades.reading, what="the first rows")
        trades.load(TRADES, rows_of(TRADES, [(9, "late", *[None] * 7)], version=2))
        trades.pause.set()
        table = pa.ipc.open_stream(answer.read()).read_all()
    assert set(table["Key"].to_pylist()) == {row[0] for row in ROWS}
    assert str(table.schema.field("Amount").type) == "decimal128(20, 2)"


def test_who_leaves_in_the_middle_holds_nothing(trades: ServedCube) -> None:
    trades.pause = threading.Event()
    with httpx.stream("GET", f"{trades.server.url}/api/table", trust_env=False, timeout=60):
        until(lambda: trades.reading, what="the first rows")
    trades.pause.set()
    until(lambda: trades.closed, what="the end of reading")


def test_a_table_that_fails_in_the_middle_is_cut_off(trades: ServedCube, caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Generator[pl.DataFrame]:
        with closing(trades.cube.batches("trades")) as rows:
            yield next(rows)
        raise EngineFailed("The engine went away", next_step="ask again")

    trades.batches = failing  # type: ignore[method-assign]
    with pytest.raises(httpx.RemoteProtocolError):
        trades.get("/api/table")
    assert "ended in the middle (The engine went away" in caplog.text and not trades.failures
