"""Answers that a command writes into a file: whole, or not at all."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import NotRunning
from flows.ingest.client import download
from flows.store.owner import Owner
from tests.integration.web.running_session import Session


def cli(session: Session, *words: str) -> tuple[int, str]:
    state = session.living.landing.parent / "state"
    found = CliRunner().invoke(app, [*words, "--state", str(state)])
    return found.exit_code, f"{found.stderr}{found.exception or ''}"


def left(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_the_ending_of_a_file_says_its_form_and_no_file_is_replaced_unasked(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    asked = ("query", "Quantity.SUM", "--by", "Date")
    for name in ("a.csv", "a.parquet", "a.arrow", "a.XLSX", "a.json"):
        code, said = cli(session, *asked, "-o", str(out / name))
        assert code == 0 and f"wrote {out / name}, " in said, said
    sums = [10, 7]
    assert pl.read_csv(out / "a.csv")["Quantity.SUM"].to_list() == sums
    assert pl.read_parquet(out / "a.parquet")["Quantity.SUM"].to_list() == sums
    assert pl.read_ipc_stream(out / "a.arrow")["Quantity.SUM"].to_list() == sums
    sheet = CalamineWorkbook.from_path(str(out / "a.XLSX")).get_sheet_by_name("sales").to_python()
    assert [row[1] for row in sheet] == ["Quantity.SUM", *sums]
    before = (out / "a.csv").read_bytes()
    code, said = cli(session, *asked, "--top", "1", "-o", str(out / "a.csv"))
    assert code == 1 and "--overwrite" in said and (out / "a.csv").read_bytes() == before
    assert cli(session, *asked, "--top", "1", "-o", str(out / "a.csv"), "--overwrite")[0] == 0
    assert pl.read_csv(out / "a.csv").height == 1
    assert cli(session, "rows", "-o", str(out / "rows.csv"))[0] == 0
    assert pl.read_csv(out / "rows.csv")["Source.File"].to_list() == ["a.csv", "a.csv", "b.csv"]
    assert left(out) == ["a.XLSX", "a.arrow", "a.csv", "a.json", "a.parquet", "rows.csv"]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("a.doc", (), "use one of .json, .csv, .arrow, .parquet, .xlsx"), ("a", (), "names no form"),
        ("a.csv", ("--format", "json"), "leave --format out"), ("none/a.csv", (), "no such directory"),
        ("a.csv", ("--where", "Dat=1"), "no level of that name"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    session: Session, tmp_path: Path, name: str, more: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    code, error = cli(session, "query", "Quantity.SUM", *more, "-o", str(out / name))
    assert code == 1 and said in error and left(out) == [], error


def test_where_there_is_no_room_that_is_said_and_no_half_file_is_left(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        code, error = cli(session, "query", "Quantity.SUM", "--by", "ID", "-o", str(out / "a.parquet"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert code == 1 and "room" in error and left(out) == [], error


def test_a_session_that_ends_in_the_middle_is_no_end_of_the_file() -> None:
    with broken_server() as url:
        parts = download(Owner(pid=1, engine="duckdb", url=url), "/api/query")
        with pytest.raises(NotRunning, match="ended before the end"):
            list(parts)


@contextmanager
def broken_server() -> Iterator[str]:
    """What sends a part of an answer, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        answering.join()
