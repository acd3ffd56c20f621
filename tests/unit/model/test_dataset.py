"""Declarations that cannot work are refused, naming the field and the fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dataframely as dy
import pytest

from flows.datasets import find_dataset, load_datasets
from flows.datasets.sales import SALES
from flows.errors import DeclarationError
from flows.model.dataset import LEAST_QUARANTINE_DAYS, DailyBy, Dataset, SkipRows, Unload
from flows.model.formats import Csv
from flows.model.tables import Column, Table
from flows.model.types import FLOAT, INTEGER
from flows.settings import Settings


class Good(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Amount = dy.Float64(nullable=True)


class Unsupported(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Tags = dy.List(dy.String())


class Zoned(dy.Schema):
    At = dy.Datetime(time_zone="UTC")


class Empty(dy.Schema):
    pass


def declared(**options: Any) -> Dataset:
    return Dataset(**{"schema": Good, "landing": "landing", **options})


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("schema", {"schema": int}),
        ("schema", {"schema": Empty}),
        ("schema.Tags", {"schema": Unsupported}),
        ("schema.At", {"schema": Zoned}),
        ("name", {"name": "../x"}),
        ("source_columns", {"source_columns": ("A", "A")}),
        ("prepare", {"source_columns": ("A",)}),
        ("from_name", {"from_name": "("}),
        ("from_name", {"from_name": r"sales\.csv"}),
        ("from_name", {"from_name": r"(?P<Nowhere>.*)\.csv"}),
        ("rows", {"rows": (5, 1)}),
        ("rows", {"rows": 5}),
        ("csv", {"csv": ","}),
        ("bad_rows", {"bad_rows": "skip"}),
        ("bad_rows", {"bad_rows": SkipRows}),
        ("when_deleted", {"when_deleted": Unload}),
        ("expect", {"expect": "daily"}),
        ("marker", {"marker": "x/y"}),
        ("max_bytes", {"max_bytes": 0}),
        ("settle_s", {"settle_s": -1}),
        ("retain_days", {"retain_days": 0}),
        ("expect", {"retain_days": 5}),
        ("expect.day", {"expect": DailyBy("07:00", "UTC", day="Amount")}),
        ("expect.day", {"expect": DailyBy("07:00", "UTC", day="Nowhere")}),
    ],
)
def test_a_wrong_declaration_names_the_field_and_the_fix(field: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(**options)
    assert f"{field} cannot be used" in str(refused.value)
    assert f"Next: make {field} " in str(refused.value)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("csv.delimiter", lambda: Csv(delimiter=";;")),
        ("csv.decimal", lambda: Csv(decimal=",")),
        ("csv.encoding", lambda: Csv(encoding="utf-9")),
        ("csv.date_format", lambda: Csv(date_format="day")),
        ("csv.date_format", lambda: Csv(date_format="%d.%m.")),
        ("csv.datetime_format", lambda: Csv(datetime_format="moment")),
        ("csv.true", lambda: Csv(true=("x",), false=("x",))),
        ("bad_rows", lambda: SkipRows(up_to=1.5)),
        ("expect.time", lambda: DailyBy("7", "UTC", day="Day")),
        ("expect.zone", lambda: DailyBy("07:00", "Mars/Olympus", day="Day")),
        ("expect.holidays", lambda: DailyBy("07:00", "UTC", day="Day", holidays=("25.12.2026",))),
        ("expect.weekdays", lambda: DailyBy("07:00", "UTC", day="Day", weekdays=(7,))),
    ],
)
def test_a_wrong_option_names_the_field(field: str, make: Any) -> None:
    with pytest.raises(DeclarationError, match=field.replace(".", r"\.")):
        make()


@pytest.mark.parametrize(
    ("name", "least"), [("quarantine_bytes", 0), ("quarantine_days", LEAST_QUARANTINE_DAYS), ("read_memory_bytes", 1)]
)
def test_a_bound_of_what_files_may_take_has_a_least_value(name: str, least: int) -> None:
    def bounded(bound: int) -> Dataset:
        options: dict[str, Any] = {name: bound}
        return replace(SALES, **options)

    assert getattr(bounded(least), name) == least
    with pytest.raises(DeclarationError, match=name):
        bounded(least - 1)


def test_the_schema_gives_the_table_its_levels_and_measures() -> None:
    table = declared().table
    assert table.keys == ("ID",)
    assert [level.name for level in table.levels] == ["ID", "Day"]
    assert [measure.name for measure in table.measures] == [
        "Amount.SUM", "Amount.MEAN", "Amount.COUNT", "contributors.COUNT",
    ]  # fmt: skip


def test_a_column_that_may_be_null_has_a_count_of_its_values() -> None:
    columns = (Column("A", INTEGER, nullable=True), Column("B", FLOAT))
    assert [m.name for m in Table("t", columns).measures] == [
        "A.SUM", "B.SUM", "A.MEAN", "B.MEAN", "A.COUNT", "contributors.COUNT",
    ]  # fmt: skip


def test_the_fingerprint_changes_with_what_could_give_other_rows() -> None:
    same = declared().fingerprint
    assert declared(landing="elsewhere", when_deleted=Unload()).fingerprint == same
    changed: list[dict[str, Any]] = [
        {"revision": 1},
        {"csv": Csv(delimiter=";")},
        {"bad_rows": SkipRows(0.1)},
        {"rows": (0, 9)},
    ]
    assert len({same, *(declared(**options).fingerprint for options in changed)}) == 5


def test_a_dataset_file_outside_the_package_is_found(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from flows.datasets.sales import SALES as MINE\n")
    assert find_dataset(f"{file}:MINE").name == "sales"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("MINE = 5", "no dataset of that name in the file"),
        ("raise ValueError('oops')", "fails: ValueError: oops"),
        ("this is no python", "fails: SyntaxError"),
    ],
)
def test_a_dataset_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(DeclarationError, match=complaint):
        find_dataset(f"{file}:MINE")


def test_an_unknown_dataset_names_the_known_ones() -> None:
    with pytest.raises(DeclarationError, match="name one of sales"):
        find_dataset("sale")


@pytest.mark.parametrize("state", ["landing", "landing/state", "."])
def test_a_landing_directory_that_overlaps_the_state_is_refused(tmp_path: Path, state: str) -> None:
    settings = Settings(state=tmp_path / state, landing=tmp_path / "landing")
    with pytest.raises(DeclarationError, match="overlap"):
        load_datasets(settings)


def test_two_datasets_that_take_the_same_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "two.py"
    file.write_text(
        "from dataclasses import replace\n"
        "from flows.datasets.sales import SALES\n"
        "OTHER = replace(SALES, name='other')\n"
    )
    with pytest.raises(DeclarationError, match="take the same files"):
        load_datasets(Settings(state=tmp_path / "state", datasets=f"sales,{file}:OTHER"))
