"""The embedded engine has one limit of memory for questions and commits."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from flows.cube.bounds import Bounds
from flows.cube.duckdb import database
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import EngineFailed, EngineLost, NobodyWaits
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import VERSION, Column, Table
from flows.model.types import INTEGER, STRING
from tests.cube_rows import all_rows, with_lines

TABLE = Table("t", (Column("Key", INTEGER), Column("Text", STRING), Column("N", INTEGER)), ("Key",))
GROUPS = Query("t", ("N.SUM",), ("Text",))


def rows(first: int, count: int) -> pl.DataFrame:
    keys = np.arange(first, first + count)
    numbers = pl.DataFrame({"Key": keys, "N": keys % 7})
    texts = numbers.with_columns(Text=pl.format("a long text for the key {}", "Key"))
    return with_lines(texts.with_columns(pl.lit(1, pl.Int64).alias(VERSION)))


def change(first: int, count: int) -> ChangeSet:
    return ChangeSet("t", frozenset(), rows(first, count))


def test_a_change_for_which_a_question_has_taken_the_memory_ends_it_and_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cube = DuckDbCube((TABLE,))
    refused = threading.Event()
    answers: list[BaseException | int] = []
    make = DuckDbCube._apply

    def short_of_memory(self: DuckDbCube, wanted: ChangeSet) -> int:
        if not refused.is_set():
            refused.set()
            raise duckdb.OutOfMemoryException("failed to pin block")
        return make(self, wanted)

    def ask() -> None:
        try:
            while not refused.is_set():
                answers.append(cube.query(GROUPS).height)
        except EngineFailed as error:
            answers.append(error)

    cube.apply(change(0, 400_000))
    readers = threading.Thread(target=ask)
    readers.start()
    try:
        while not answers:
            refused.wait(0.01)
        monkeypatch.setattr(DuckDbCube, "_apply", short_of_memory)
        assert cube.apply(change(400_000, 10)) == 10
        assert cube.row_count("t") == 400_010
    finally:
        refused.set()
        readers.join()
    assert cube.query(GROUPS).height == 400_010
    cube.close()


def test_a_question_that_is_ended_for_its_memory_says_so() -> None:
    cube = DuckDbCube((TABLE,))
    cube.apply(change(0, 400_000))
    errors: list[EngineFailed] = []

    def ask() -> None:
        try:
            while True:
                cube.query(GROUPS)
        except EngineFailed as error:
            errors.append(error)

    readers = threading.Thread(target=ask)
    readers.start()
    while not errors:
        cube._database.end_questions()
    readers.join()
    assert "memory" in str(errors[0]) and "ask for less" in str(errors[0])
    cube.close()


@pytest.mark.slow
def test_a_real_limit_of_memory_loses_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    limited: dict[str, Any] = {**database.CONFIG, "memory_limit": "100MB", "max_temp_directory_size": "0MB"}
    monkeypatch.setattr(database, "CONFIG", limited)
    cube = DuckDbCube((TABLE,))
    cube.apply(change(0, 300_000))
    stop, refused = threading.Event(), list[str]()

    def ask() -> None:
        while not stop.is_set():
            try:
                cube.query(GROUPS)
            except (EngineFailed, duckdb.OutOfMemoryException) as error:
                refused.append(type(error).__name__)

    readers = [threading.Thread(target=ask) for _ in range(2)]
    for thread in readers:
        thread.start()
    made = 300_000
    try:
        for _ in range(40):
            with suppress(duckdb.OutOfMemoryException):  # rolled back; its dataset would be filled again
                made += cube.apply(change(made, 2_000))
    finally:
        stop.set()
        for thread in readers:
            thread.join()
    assert cube.row_count("t") == made
    assert all_rows(cube, "t").height == made
    cube.close()


@pytest.mark.slow
def test_a_change_that_meets_the_limit_in_the_middle_of_questions_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONFIG", {**database.CONFIG, "max_temp_directory_size": "0MB"})
    cube = DuckDbCube((TABLE,), memory="30MB")
    cube.apply(change(0, 300_000))
    stop, ended = threading.Event(), list[EngineFailed]()

    def ask() -> None:
        while not stop.is_set():
            try:
                cube.query(GROUPS)
            except EngineFailed as error:
                ended.append(error)

    readers = [threading.Thread(target=ask) for _ in range(4)]
    for thread in readers:
        thread.start()
    made = 300_000
    try:
        while made < 340_000 or not ended:
            made += cube.apply(change(made, 2_000))
            assert made < 600_000, "no question ever met the limit"
    finally:
        stop.set()
        for thread in readers:
            thread.join()
    assert cube.row_count("t") == made and all("memory" in str(error) for error in ended)
    cube.close()


def test_a_question_that_needs_too_much_is_told_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONFIG", {**database.CONFIG, "max_temp_directory_size": "0MB"})
    cube = DuckDbCube((TABLE,), memory="12MB")
    for first in range(0, 300_000, 20_000):
        cube.apply(change(first, 20_000))
    with pytest.raises(EngineFailed, match=r"needs more memory .* CUBEFEED_MEMORY"):
        cube.query(Query("t", ("N.SUM", "N.MEAN"), ("Key", "Text"), totals=True))
    assert cube.query(Query("t", ("N.SUM",))).height == 1
    cube.close()


def test_a_question_ends_in_the_engine_when_who_asked_leaves() -> None:
    cube = DuckDbCube((TABLE,))
    cube.apply(change(0, 1_000_000))
    bounds = Bounds(within_s=60)
    leaving = threading.Timer(0.02, bounds.leave)
    leaving.start()
    with suppress(NobodyWaits):
        while cube.query(GROUPS, bounds=bounds).height:
            pass
    assert bounds.is_over
    leaving.join()
    assert cube._database.open_cursors == 0
    cube.close()


def test_an_engine_that_is_broken_for_good_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = DuckDbCube((TABLE,))

    def broken(*_: object, **__: object) -> None:
        raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

    monkeypatch.setattr(cube._stored["t"], "select", broken)
    with pytest.raises(EngineLost, match="invalidated"):
        cube.query(GROUPS)
    cube.close()
