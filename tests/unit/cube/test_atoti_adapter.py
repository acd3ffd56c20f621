"""The Atoti engine without its server: what is asked of Atoti and in which order, and why a start fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import atoti as tt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flows.cube.atoti import engine as atoti_cube
from flows.cube.port import LiveSegment
from flows.errors import EngineFailed
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import LINE, VERSION
from flows.model.types import DECIMAL
from tests.conditions import among
from tests.cube_rows import all_rows, rows_of
from tests.unit.cube.atoti_stage import PRICES, SALES, Stage

MAY_1, MAY_2 = date(2021, 5, 1), date(2021, 5, 2)
ROWS = rows_of(SALES, [(1, MAY_1, "phone", None, 4), (2, MAY_2, "watch", "north", 6)], 7)


def test_a_change_drops_then_loads_in_one_transaction(stage: Stage) -> None:
    assert stage.open().apply(ChangeSet("sales", frozenset({3, 1}), ROWS)) == 2
    assert stage.story == ["begin", "drop 1", "load", "commit"]
    stage.columns[VERSION].isin.assert_called_once_with(1, 3)
    stage.table.drop.assert_called_once_with(stage.columns[VERSION].isin.return_value)


def test_what_a_change_does_not_need_is_not_asked(stage: Stage) -> None:
    cube = stage.open()
    cube.apply(ChangeSet("sales", frozenset(), ROWS))
    cube.apply(ChangeSet("sales", frozenset({1}), ROWS.clear()))
    cube.apply(ChangeSet("sales", frozenset(), ROWS.clear()))
    assert stage.story == ["begin", "load", "commit", "begin", "drop 1", "commit"]


@pytest.mark.parametrize("failing", ["drop", "load"])
def test_an_error_inside_a_change_rolls_back_and_says_what_atoti_said(stage: Stage, failing: str) -> None:
    cube = stage.open()
    getattr(stage.table, failing).side_effect = ValueError("no such thing\nat com.activeviam…")
    with pytest.raises(EngineFailed, match="ValueError: no such thing") as raised:
        cube.apply(ChangeSet("sales", frozenset({1}), ROWS))
    assert stage.story[0] == "begin" and stage.story[-1] == "rollback"
    assert "com.activeviam" not in str(raised.value)


@pytest.mark.parametrize("failing", ["begin", "commit"])
def test_a_transaction_that_atoti_refuses_is_our_error_too(stage: Stage, failing: str) -> None:
    @contextmanager
    def refuse(**_: Any) -> Iterator[None]:
        if failing == "commit":
            yield
        raise RuntimeError(f"no {failing}")

    stage.session.tables.data_transaction.side_effect = refuse
    with pytest.raises(EngineFailed, match=f"no {failing}"):
        stage.open().apply(ChangeSet("sales", frozenset({1}), ROWS))


def test_rows_are_loaded_in_the_types_of_the_table(stage: Stage) -> None:
    stage.open().apply(ChangeSet("sales", frozenset(), ROWS.with_columns(pl.col("Quantity").cast(pl.Int8))))
    types: dict[str, pa.DataType] = {
        "ID": pa.int64(),
        "Date": pa.date32(),
        "Product": pa.string(),
        "Region": pa.string(),
        "Quantity": pa.int64(),
        VERSION: pa.int64(),
        LINE: pa.int64(),
    }
    assert stage.loaded[0].schema == pa.schema(types)
    assert stage.loaded[0].to_pylist() == ROWS.to_dicts()


def test_a_rebuild_drops_all_and_loads_the_fold_in_one_transaction(stage: Stage, tmp_path: Path) -> None:
    ROWS.write_parquet(tmp_path / "s.parquet")
    assert stage.open().rebuild("sales", [LiveSegment(tmp_path / "s.parquet", {7: 1})]) == 2
    assert stage.story == ["begin", "drop 0", "load", "commit"]


def test_a_rebuild_that_cannot_read_rolls_back(stage: Stage, tmp_path: Path) -> None:
    cube = stage.open()
    with pytest.raises(EngineFailed, match="gone"):
        cube.rebuild("sales", [LiveSegment(tmp_path / "gone.parquet", {7: 1})])
    assert stage.story == ["begin", "drop 0", "rollback"]


def test_tables_keep_nulls_and_have_the_types_and_keys_of_the_model(stage: Stage) -> None:
    stage.open()
    stage.session.create_table.assert_called_once_with(
        "sales",
        data_types={
            "ID": "long",
            "Date": "LocalDate",
            "Product": "String",
            "Region": "String",
            "Quantity": "long",
            VERSION: "long",
            LINE: "long",
        },
        keys=["ID"],
        default_values=dict.fromkeys(["Date", "Product", "Region", "Quantity"]),
    )


def test_hierarchies_and_measures_come_from_the_model_and_never_from_the_automatic_mode(stage: Stage) -> None:
    stage.open()
    stage.session.create_cube.assert_called_once_with(stage.table, "sales", mode="manual")
    levels = ("ID", "Date", "Product", "Region")
    stage.cube.hierarchies.update.assert_called_once_with(
        {("sales", level): [stage.columns[level]] for level in levels}
    )
    columns = {
        **dict.fromkeys(("sum", "mean"), ("Quantity",)),
        **dict.fromkeys(("min", "max"), ("ID", "Quantity")),
        "count_distinct": ("ID", "Date", "Product"),
    }
    asked = {word: [call.args[0] for call in made.call_args_list] for word, made in stage.aggregations.items()}
    assert asked == {word: [stage.columns[name] for name in names] for word, names in columns.items()}
    stage.cube.measures.update.assert_called_once_with(
        {f"{name}.{word.upper()}": word for word, names in columns.items() for name in names}
    )


def test_a_query_is_asked_of_the_cube_in_atotis_language(stage: Stage) -> None:
    stage.cube.measures.__getitem__.side_effect = lambda name: f"measure {name}"
    levels = {name: create_autospec(tt.Level, instance=True, spec_set=True) for name in ("Date", "Product")}
    stage.cube.levels.__getitem__.side_effect = lambda key: levels[key[2]] if key[0] == "sales" else None
    stage.cube.query.return_value = pd.DataFrame(
        {"Date": [MAY_2, MAY_1], "contributors.COUNT": [1, 2], "Quantity.SUM": pd.array([None, 10], dtype="Int64")}
    )
    found = stage.open().query(Query("sales", ("Quantity.SUM",), ("Date",), where=among({"Product": ["phone", None]})))
    stage.cube.query.assert_called_once_with(
        "measure Quantity.SUM",
        "measure contributors.COUNT",
        levels=[levels["Date"]],
        filter=levels["Product"].isin.return_value,
        mode="raw",
        context={},
    )
    levels["Product"].isin.assert_called_once_with("phone")
    assert found.rows() == [(MAY_1, 10), (MAY_2, None)]
    assert found.schema == {"Date": pl.Date, "Quantity.SUM": pl.Int64}


def test_totals_are_asked_one_leading_part_at_a_time(stage: Stage) -> None:
    stage.cube.levels.__getitem__.side_effect = lambda key: key[2]
    answers: dict[tuple[str, ...], dict[str, list[Any]]] = {
        (): {"Quantity.SUM": [17]},
        ("Date",): {"Date": ["2021-05-02", "2021-05-01"], "Quantity.SUM": [7, 10]},
        ("Date", "Product"): {"Date": [MAY_1, MAY_2], "Product": ["phone", "phone"], "Quantity.SUM": [10, 7]},
    }
    stage.cube.query.side_effect = lambda *_, levels, **__: pd.DataFrame(answers[tuple(levels)])
    found = stage.open().query(Query("sales", ("Quantity.SUM",), ("Date", "Product"), totals=True))
    assert found.columns == ["Date", "Product", "Quantity.SUM", "total_depth"]
    assert found.rows() == [
        (None, None, 17, 0),
        (MAY_1, None, 10, 1),
        (MAY_2, None, 7, 1),
        (MAY_1, "phone", 10, 2),
        (MAY_2, "phone", 7, 2),
    ]


def test_where_nothing_matches_the_answer_has_the_shape_of_the_port(stage: Stage) -> None:
    stage.cube.query.return_value = pd.DataFrame()
    cube = stage.open()
    assert cube.query(Query("sales", ("Quantity.SUM", "contributors.COUNT"))).rows() == [(None, 0)]
    assert cube.query(Query("sales", ("Quantity.SUM",), ("Date",), totals=True)).rows() == []
    stage.cube.query.reset_mock()
    assert cube.query(Query("sales", ("Quantity.SUM",), where=among({"Date": []}))).rows() == [(None,)]
    stage.cube.query.assert_not_called()


def test_a_level_that_can_be_null_is_answered_from_the_rows(stage: Stage) -> None:
    stage.table.query.return_value = ROWS.to_pandas()[["Region", "Quantity"]]
    found = stage.open().query(Query("sales", ("Quantity.SUM",), ("Region",), totals=True))
    assert found.rows() == [(None, 10, 0), (None, 4, 1), ("north", 6, 1)]
    assert list(stage.table.query.call_args.args) == [
        stage.columns["Region"],
        stage.columns["Quantity"],
    ]
    stage.cube.query.assert_not_called()


def test_a_sum_that_may_leave_64_bits_is_answered_from_the_rows(stage: Stage) -> None:
    """Atoti adds up in Java's long, which wraps in silence."""
    large = ROWS.with_columns(pl.Series("Quantity", [2**62, 2**62]))
    stage.table.query.return_value = large.to_pandas()[["Quantity"]]
    cube = stage.open()
    cube.apply(ChangeSet("sales", frozenset(), large))
    found = cube.query(Query("sales", ("Quantity.SUM",)))
    assert found.rows() == [(2**63,)] and found.schema == {"Quantity.SUM": pl.Int128}
    stage.cube.query.assert_not_called()
    stage.cube.query.return_value = pd.DataFrame({"Quantity.SUM": [10], "contributors.COUNT": [2]})
    cube.rebuild("sales", [])
    cube.apply(ChangeSet("sales", frozenset(), ROWS))
    assert cube.query(Query("sales", ("Quantity.SUM",))).rows() == [(10,)]


@pytest.mark.parametrize(("precision", "kind"), [(10, "double"), (15, "double"), (16, "String")])
def test_decimals_are_floats_or_texts_there_and_are_added_up_here(stage: Stage, precision: int, kind: str) -> None:
    prices = replace(PRICES, columns=(PRICES.columns[0], replace(PRICES.columns[1], type=DECIMAL.sized(precision, 2))))
    cube, most = stage.open(table=prices), Decimal(10 ** (precision - 2)) - Decimal("0.01")
    assert stage.session.create_table.call_args.kwargs["data_types"]["Amount"] == kind
    made = {name for call in stage.cube.measures.update.call_args_list for name in call.args[0]}
    assert ("Amount.SUM" in made) is (kind == "double")
    rows = [(Decimal("1E-8"), Decimal("0.10")), (Decimal(2), most), (Decimal(3), None)]
    cube.apply(ChangeSet("prices", frozenset(), rows_of(prices, rows)))
    stage.table.query.return_value = stage.loaded[0].to_pandas()
    found = cube.query(
        Query("prices", ("Amount.SUM",), ("Price",), where=among({"Price": [Decimal("1E-8"), Decimal(2)]}))
    )
    assert found.rows() == [(Decimal("1E-8"), Decimal("0.10")), (Decimal(2), most)]
    assert stage.table.query.call_args.kwargs["filter"] is None
    assert cube.query(Query("prices", ("Amount.SUM", "Amount.COUNT"))).rows() == [(most + Decimal("0.10"), 2)]


def test_rows_come_back_in_the_types_of_the_port(stage: Stage) -> None:
    stage.table.query.return_value = ROWS.to_pandas()
    found = all_rows(stage.open(), "sales")
    assert found.schema == ROWS.schema and found.rows() == ROWS.rows()


def test_batches_are_some_versions_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atoti_cube, "BATCH_ROWS", 3)
    rows = pl.concat([ROWS.with_columns(pl.lit(version).alias(VERSION)) for version in (1, 2, 3)])
    isin = stage.columns[VERSION].isin
    stage.table.query.side_effect = [rows[[VERSION]].to_pandas(), *[ROWS.to_pandas()] * 3]
    assert [batch.rows() for batch in stage.open().batches("sales")] == [ROWS.rows()] * 3
    assert [call.args for call in isin.call_args_list] == [(1,), (2,), (3,)]
    assert [call.kwargs.get("filter") for call in stage.table.query.call_args_list] == [None, *[isin.return_value] * 3]


def test_closing_twice_ends_the_session_once(stage: Stage) -> None:
    cube = stage.open()
    cube.close()
    cube.close()
    stage.session.close.assert_called_once_with()


def test_a_model_that_atoti_refuses_ends_the_session(stage: Stage) -> None:
    stage.session.create_table.side_effect = RuntimeError("no")
    with pytest.raises(EngineFailed):
        stage.open()
    stage.session.close.assert_called_once_with()
