"""Declarations that cannot work are refused, naming the field and the fix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import dataframely as dy
import pytest

from flows.datasets import find_dataset, load_datasets
from flows.datasets.sales import SALES
from flows.errors import DeclarationError
from flows.model.calendar import DailyBy
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.formats import Cells, Csv, Excel, JsonLines
from flows.model.header import Header
from flows.model.limits import LEAST_QUARANTINE_DAYS, Limits
from flows.model.policies import Load, Skip, SkipRows, Unload
from flows.model.precedence import ByColumn, ByName
from flows.model.tables import Column, Table
from flows.model.trailer import Trailer
from flows.model.types import FLOAT, INTEGER
from flows.settings import Settings


class Good(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Amount = dy.Float64(nullable=True)


class Readings(dy.Schema):
    Sensor = dy.String(primary_key=True)
    Slot = dy.Int64(primary_key=True)
    At = dy.Datetime(nullable=True)
    Text = dy.String()


class Loose(dy.Schema):
    Text = dy.String()


class Unsupported(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Tags = dy.List(dy.String())


class Zoned(dy.Schema):
    At = dy.Datetime(time_zone="Mars/Olympus")


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
        ("calendar", {"calendar": "fiscal"}),
        ("hierarchies", {"hierarchies": [("Time", ("Day.Year", "Day"))]}),
        ("hierarchies.Time", {"hierarchies": {"Time": "Day"}}),
        ("hierarchies.Time", {"hierarchies": {"Time": ("Day.Year", "Amount")}}),
        ("hierarchies.Time", {"hierarchies": {"Time": ("Day",)}}),
        ("hierarchies.Time", {"hierarchies": {"Time": ("Day", "Day")}}),
        ("hierarchies.Day", {"hierarchies": {"Day": ("Day.Year", "Day.Month")}}),
        ("hierarchies.Amount", {"hierarchies": {"Amount": ("Day.Year", "Day.Month")}}),
        ("hierarchies.T.Day", {"hierarchies": {"T": ("ID", "Day"), "T.Day": ("Day", "ID")}}),
        ("source_columns", {"source_columns": ("A", "A")}),
        ("source_columns", {"source_columns": ("A", "^B.*$")}),
        ("prepare", {"source_columns": ("A",)}),
        ("from_path", {"from_path": "("}),
        ("from_path", {"from_path": r"sales\.csv"}),
        ("from_path", {"from_path": r"(?P<Nowhere>.*)\.csv"}),
        ("format", {"format": ","}),
        ("completeness", {"completeness": ".done"}),
        ("limits", {"limits": 5}),
        ("bad_rows", {"bad_rows": "skip"}),
        ("bad_rows", {"bad_rows": SkipRows}),
        ("when_deleted", {"when_deleted": Unload}),
        ("precedence", {"precedence": "ByName"}),
        ("precedence", {"precedence": ByName}),
        ("duplicates", {"duplicates": Skip}),
        ("expect", {"expect": "daily"}),
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
    ("schema", "options", "reason"),
    [
        (Readings, {"precedence": ByColumn("Nowhere")}, "a column of the schema that holds dates, moments, whole"),
        (
            Readings,
            {"precedence": ByColumn("Text")},
            "a column of the schema that holds dates, moments, whole numbers or decimals",
        ),
        (
            Good,
            {"precedence": ByColumn("Amount")},
            "a column of the schema that holds dates, moments, whole numbers or decimals",
        ),
        (Readings, {"precedence": ByColumn("Slot")}, "a column that is no key: within a key it is always the same"),
        (Loose, {"precedence": ByName()}, "the table has no key, so that all rows stay"),
        (Loose, {"precedence": ByColumn("Text")}, "the table has no key, so that all rows stay"),
        (Readings, {"duplicates": Skip()}, "the table has a key, under which an equal file brings the rows that are"),
        (Readings, {"duplicates": Load()}, "the table has a key, under which an equal file brings the rows that are"),
    ],
)
def test_an_order_or_a_rule_for_duplicates_that_would_mean_nothing_is_refused_with_the_reason(
    schema: type[dy.Schema], options: dict[str, Any], reason: str
) -> None:
    (field,) = options
    with pytest.raises(DeclarationError, match=f"{field} cannot be used") as refused:
        declared(schema=schema, **options)
    assert reason in str(refused.value)


def test_a_column_of_dates_moments_or_whole_numbers_may_decide() -> None:
    assert declared(precedence=ByColumn("Day")).table.greatest == "Day"
    assert declared(schema=Readings, precedence=ByColumn("At")).table.greatest == "At"
    assert declared(precedence=ByName()).table.greatest is None


@pytest.mark.parametrize("options", [{"precedence": ByName()}, {"precedence": ByColumn("Day")}])
def test_a_precedence_makes_no_file_be_checked_again(options: dict[str, Any]) -> None:
    assert declared(**options).fingerprint == declared().fingerprint


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("format.delimiter", lambda: Csv(delimiter='a"')),
        ("format.delimiter", lambda: Csv(delimiter="")),
        ("format.quote", lambda: Csv(quote="''")),
        ("format.escape", lambda: Csv(escape='"')),
        ("format.comment", lambda: Csv(comment="#", multiline=True)),
        ("format.encoding", lambda: Csv(encoding=("utf-8", "no-such-codec"))),
        ("format.header.by", lambda: Csv(header=Header(extra="ignore"))),
        ("format.header", lambda: Csv(header="name")),  # type: ignore[arg-type]  # an author's file is not type-checked
        ("format.preamble", lambda: Csv(preamble=-1)),
        ("format.preamble", lambda: Csv(preamble="header", header=None)),
        ("format.footer", lambda: Csv(footer=("(",))),
        ("format.footer", lambda: Csv(footer=(Trailer("TOTAL"),))),
        ("format.decimal", lambda: Csv(decimal=",")),
        ("format.encoding", lambda: Csv(encoding="utf-9")),
        ("format.date_format", lambda: Csv(date_format="day")),
        ("format.date_format", lambda: Csv(date_format="%d.%m.")),
        ("format.datetime_format", lambda: Csv(datetime_format="moment")),
        ("format.true", lambda: Csv(true=("x",), false=("x",))),
        ("bad_rows", lambda: SkipRows(up_to=1.5)),
        ("completeness.rows", lambda: Completeness(rows=(5, 1))),
        ("completeness.rows", lambda: Completeness(rows=cast(Any, 5))),
        ("completeness.marker", lambda: Completeness(marker="x/y")),
        ("completeness.manifest", lambda: Completeness(manifest="")),
        ("completeness.settle_s", lambda: Completeness(settle_s=-1)),
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
    ("name", "least"),
    [
        ("file_bytes", 1),
        ("quarantine_bytes", 0),
        ("quarantine_days", LEAST_QUARANTINE_DAYS),
        ("read_memory_bytes", 1),
    ],
)
def test_a_bound_of_what_files_may_take_has_a_least_value(name: str, least: int) -> None:
    def bounded(bound: int) -> Limits:
        options: dict[str, Any] = {name: bound}
        return Limits(**options)

    assert getattr(bounded(least), name) == least
    with pytest.raises(DeclarationError, match=f"limits.{name}"):
        bounded(least - 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"csv": Csv(delimiter=";", decimal=",")}, "format=Csv(delimiter=';', decimal=',')"),
        ({"from_name": r"(?P<Day>.*)\.csv"}, r"from_path='(?P<Day>.*)\\.csv'"),
        ({"marker": ".done"}, "completeness=Completeness(marker='.done')"),
        ({"manifest": ".json"}, "completeness=Completeness(manifest='.json')"),
        ({"rows": (1, 9)}, "completeness=Completeness(rows=(1, 9))"),
        ({"settle_s": 0.5}, "completeness=Completeness(settle_s=0.5)"),
        ({"max_bytes": 5}, "limits=Limits(file_bytes=5)"),
        ({"quarantine_bytes": 0}, "limits=Limits(quarantine_bytes=0)"),
        ({"quarantine_days": 31}, "limits=Limits(quarantine_days=31)"),
        ({"read_memory_bytes": 7}, "limits=Limits(read_memory_bytes=7)"),
    ],
)
def test_an_option_by_its_old_name_says_what_to_write_instead(old: dict[str, Any], new: str) -> None:
    for declare in (declared, partial[Dataset](replace, SALES)):
        with pytest.raises(DeclarationError) as refused:
            declare(**old)
        assert refused.value.next_step == f"write {new}"
        assert refused.value.where["got"] in old


def test_options_by_their_old_names_are_named_together() -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(csv=Csv(), marker=".done", max_bytes=5, settle_s=1.0)
    assert refused.value.next_step == (
        "write format=Csv(), completeness=Completeness(marker='.done', settle_s=1.0), limits=Limits(file_bytes=5)"
    )


def test_an_option_that_there_never_was_is_refused() -> None:
    with pytest.raises(TypeError, match="delimiter"):
        declared(delimiter=";")


def test_the_schema_gives_the_table_its_levels_and_measures() -> None:
    table = declared().table
    assert table.keys == ("ID",)
    periods = ["Day.Year", "Day.Quarter", "Day.Month", "Day.Week", "Day.Weekday"]
    assert [level.name for level in table.levels] == ["ID", "Day", *periods, "Source.File", "Source.Loaded"]
    assert [level.name for level in table.column_levels] == ["ID", "Day"]
    assert [measure.name for measure in table.shown] == [
        "Amount.SUM", "Amount.MEAN", "Amount.COUNT", "contributors.COUNT",
    ]  # fmt: skip
    counts = [f"{level.name}.COUNT_DISTINCT" for level in table.levels]
    assert [measure.name for measure in table.measures if measure not in table.shown] == [
        "ID.MIN", "Day.MIN", "Amount.MIN", "ID.MAX", "Day.MAX", "Amount.MAX", *counts,
    ]  # fmt: skip


def test_a_column_that_may_be_null_has_a_count_of_its_values() -> None:
    columns = (Column("A", INTEGER, nullable=True), Column("B", FLOAT))
    assert [m.name for m in Table("t", columns).shown] == [
        "A.SUM", "B.SUM", "A.MEAN", "B.MEAN", "A.COUNT", "contributors.COUNT",
    ]  # fmt: skip


def test_the_fingerprint_changes_with_what_could_give_other_rows() -> None:
    same = declared().fingerprint
    assert declared(landing="elsewhere", when_deleted=Unload()).fingerprint == same
    changed: list[dict[str, Any]] = [
        {"revision": 1},
        {"format": Csv(delimiter=";")},
        {"bad_rows": SkipRows(0.1)},
        {"completeness": Completeness(rows=(0, 9))},
    ]
    assert len({same, *(declared(**options).fingerprint for options in changed)}) == 5


def test_a_declaration_is_a_key_of_what_is_remembered_of_it() -> None:
    assert {declared(renamed={"Before": next(iter(declared().schema.columns()))}): 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": {}}, "a mapping that has some"),
        ({"format": {"": Csv()}}, "globs"),
        ({"format": {"*.csv": Csv}}, "Csv(…)"),
        ({"format": {"*.csv": Csv(), "*.txt": Csv(delimiter=";")}}, "one format of each kind"),
        ({"format": {"*.csv": Csv(), "*.xlsx": Excel()}, "pattern": "*.csv"}, "absent"),
        ({"format": {"*.csv": Csv(), "*.xlsx": Excel(columns={"Other": Cells(nulls=("-",))})}}, "columns"),
    ],
)
def test_formats_that_names_do_not_tell_apart_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(**options)
    assert words in str(refused.value)


def test_the_first_glob_that_matches_says_how_a_file_is_written() -> None:
    dataset = declared(format={"*.xlsx": Excel(), "day_*.csv": Csv(), "*.jsonl": JsonLines()})
    formats = {name: dataset.of_file(name).first_format for name in (b"in/a.xlsx", b"day_1.csv", b"b.jsonl", b"else")}
    assert formats == {b"in/a.xlsx": Excel(), b"day_1.csv": Csv(), b"b.jsonl": JsonLines(), b"else": Excel()}
    assert dataset.of_file(b"a.xlsx") is dataset.of_file(b"b.xlsx")
    assert dataset.all_patterns == "*.xlsx or day_*.csv or *.jsonl"
    one = declared()
    assert one.of_file(b"a.csv") is one


def test_the_fingerprint_of_the_sample_dataset_is_pinned() -> None:
    """It changes where a default does; then pin the new one, and say in CHANGELOG.md that files are checked again."""
    assert SALES.fingerprint == "5f10343ffb8b9cad"


def test_an_unchanged_declaration_has_the_fingerprint_that_earlier_editions_wrote_down() -> None:
    """It was computed by 0.1.0, where the options had other names: no file is checked again for that."""
    options: dict[str, Any] = {
        "format": Csv(delimiter=";", decimal=",", nulls=("", "NA")),
        "from_path": r"x_(?P<Day>.*)\.csv",
        "source_columns": ("a", "b"),
        "prepare": lambda table: table,
        "revision": 3,
        "bad_rows": SkipRows(0.25),
        "completeness": Completeness(rows=(1, 9), marker=".done"),
        "limits": Limits(file_bytes=5),
    }
    assert declared(**options).fingerprint == "fbe492ed723eaab2"


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


def test_an_unknown_dataset_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="name one of products, sales, shop"):
        find_dataset("sale")
    with pytest.raises(DeclarationError, match=r"write mine\.py:NAME, where the file has NAME = Dataset"):
        find_dataset("mine.py")
    file = tmp_path / "mine.py"
    file.write_text("from flows.datasets.sales import SALES\n")
    with pytest.raises(DeclarationError, match=r"Next: name .*mine\.py:SALES"):
        find_dataset(f"{file}:Sales")


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


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"Amount": dy.Float64(), "Amount.SUM": dy.String()}, "schema.Amount.SUM another name: the SUM of Amount is"),
        ({"N": dy.Int64(nullable=True), "N.COUNT": dy.Date()}, "schema.N.COUNT another name: the COUNT of N is"),
        ({"A": dy.Int64(), "A.SUM": dy.Int64()}, "schema.A.SUM another name: the SUM of A is called so"),
        ({"D": dy.Date(), "D.MAX": dy.Float64()}, "schema.D.MAX another name: the MAX of D is called so"),
        ({"T": dy.String(), "T.COUNT_DISTINCT": dy.Int64()}, "another name: the COUNT_DISTINCT of T is called so"),
        ({"D": dy.Date(), "D.Month": dy.String()}, "another name: a level of the calendar of D is called so"),
        ({"D": dy.Date(), "D.Year": dy.Int64()}, "another name: a level of the calendar of D is called so"),
        ({"T": dy.Datetime(), "T.Day": dy.Date()}, "another name: a level of the calendar of T is called so"),
        ({"contributors.COUNT": dy.String()}, "another name: the count of rows is called so"),
        ({"contributors.COUNT": dy.Int64()}, "another name: the count of rows is called so"),
        ({"total_depth": dy.Int64(primary_key=True)}, "another name: the depth of totals is called so"),
        ({"Source": dy.String()}, "schema.Source another name: what Source.File and Source.Loaded say of each row's"),
        ({"Source.File": dy.String()}, "schema.Source.File another name: what Source.File and Source.Loaded say"),
        ({"*": dy.String()}, "another name: a text that is no pattern"),
        ({"^a.*$": dy.String()}, "another name: a text that is no pattern"),
        ({"": dy.String()}, "make schema columns that have names"),
    ],
)
def test_a_name_that_says_two_things_is_refused_at_the_start(columns: dict[str, dy.Column], words: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        Dataset(type("S", (dy.Schema,), dict(columns)), "landing")
    assert words in str(raised.value)
