"""What stands in for Atoti refuses what Atoti refuses, and has its traps."""

from __future__ import annotations

from datetime import date
from typing import Any

import atoti as tt
import pyarrow as pa
import pytest

from tests.atoti_stand_in import StandIn
from tests.atoti_statements import Refused

TYPES = {"ID": "long", "Day": "LocalDate", "Text": "String", "Flag": "boolean", "Number": "long"}
KINDS: dict[str, pa.DataType] = {
    "ID": pa.int64(), "Day": pa.date32(), "Text": pa.string(), "Flag": pa.bool_(), "Number": pa.int64(),
}  # fmt: skip
ARROW = pa.schema(KINDS)
MAY_1 = date(2021, 5, 1)


def rows(*values: tuple[Any, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(TYPES, row, strict=True)) for row in values], schema=ARROW)


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def table(stand_in: StandIn, request: pytest.FixtureRequest) -> Any:
    return stand_in.session.create_table(request.node.name, data_types=TYPES, keys=["ID"])


def values(table: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = sorted(table.query().itertuples(index=False, name=None))
    return found


def test_nulls_become_values_where_no_default_of_none_is_declared(stand_in: StandIn, table: Any) -> None:
    table.load(rows((1, None, None, None, None)))
    ((_, day, text, flag, number),) = values(table)
    assert (str(day)[:10], text, flag) == ("1970-01-01", "N/A", False) and number is not None
    kept = stand_in.session.create_table("kept", data_types={"Text": "String"}, default_values={"Text": None})
    kept.load(pa.table({"Text": pa.array([None], pa.string())}))
    assert kept.query()["Text"].isna().all()


def test_a_table_with_keys_upserts_and_one_without_appends(stand_in: StandIn, table: Any) -> None:
    table.load(rows((1, MAY_1, "a", True, 1), (1, MAY_1, "b", True, 2)))
    table.load(rows((1, MAY_1, "c", True, 3)))
    assert [row[2] for row in values(table)] == ["c"] and table.row_count == 1
    loose = stand_in.session.create_table("loose", data_types=TYPES)
    for _ in range(2):
        loose.load(rows((1, MAY_1, "a", True, 1)))
    assert loose.row_count == 2


def test_a_transaction_is_whole_or_nothing_and_none_is_in_another(stand_in: StandIn, table: Any) -> None:
    tables = stand_in.session.tables

    def fail() -> None:
        with tables.data_transaction(allow_nested=False, tables={table}):
            table.load(rows((1, MAY_1, "a", True, 1)))
            table.load(rows().drop_columns(["Text"]))

    with pytest.raises(TypeError):
        fail()
    assert table.row_count == 0
    with tables.data_transaction(allow_nested=False, tables={table}):
        table.load(rows((1, MAY_1, "a", True, 1)))
        assert table.row_count == 0  # readers see it when it is done
        with pytest.raises(Refused), tables.data_transaction(allow_nested=False, tables={table}):
            pass
    assert table.row_count == 1


def test_sums_of_whole_numbers_wrap_and_a_level_with_nulls_is_not_answered(stand_in: StandIn) -> None:
    table = stand_in.session.create_table("wraps", data_types=TYPES, keys=["ID"], default_values={"Text": None})
    cube = stand_in.session.create_cube(table, "wraps", mode="manual")
    cube.hierarchies.update({("wraps", "Text"): [table["Text"]]})
    cube.measures.update({"Number.SUM": tt.agg.sum(table["Number"])})
    total, level = cube.measures["Number.SUM"], cube.levels["wraps", "Text", "Text"]

    def asked(**options: Any) -> list[list[Any]]:
        found: list[list[Any]] = cube.query(total, mode="raw", context={}, **options).to_numpy().tolist()
        return found

    assert asked(levels=[], filter=None) == []
    table.load(rows((1, MAY_1, "a", True, 2**63 - 1), (2, MAY_1, "b", True, 1)))
    assert asked(levels=[], filter=None) == [[-(2**63)]]
    assert asked(levels=[level], filter=level.isin("b")) == [["b", 1]]
    table.load(rows((3, MAY_1, None, True, 1)))
    with pytest.raises(Refused, match="null member"):
        asked(levels=[level], filter=None)
    with pytest.raises(KeyError):
        cube.levels["wraps", "Day", "Day"]


def test_what_atoti_refuses_fails(stand_in: StandIn, table: Any) -> None:
    session = stand_in.session
    calls: tuple[Any, ...] = (
        lambda: session.create_table("other", types=TYPES),
        lambda: session.create_cube(),
        lambda: table.load(),
        lambda: table.load(rows(), error_handling="fail", watch=True),
        lambda: table.drop(1, 2),
        lambda: table.query(where=None),
        lambda: table.load(rows().drop_columns(["Text"])),
        lambda: table.load(rows().set_column(0, "ID", pa.array([], pa.string()))),
    )
    for call in calls:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(AttributeError):
        session.unload("sales")
    with pytest.raises(ValueError, match="elements"):
        table["ID"].isin()
    with pytest.raises(Refused, match="key"):
        session.create_table("keyless", data_types=TYPES, keys=["ID"], default_values={"ID": None})
    other = session.create_table("others", data_types=TYPES)
    with pytest.raises(ValueError, match="not of"):
        table.query(filter=other["ID"] == 1)
