"""Which versions hold a value, as `unload --where` asks it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from flows.model.condition_text import parse_condition
from flows.model.dataset import Dataset
from flows.model.tables import LINE, VERSION
from flows.store.footer import Footer
from flows.store.segment_rows import Part, versions_holding
from flows.store.segments import Segments


class Narrow(dy.Schema):
    """Columns that a segment holds in fewer bytes than the engines do."""

    ID = dy.Int16(primary_key=True)
    Share = dy.Float32(primary_key=True)
    Moment = dy.Datetime(time_unit="ms", primary_key=True)


@pytest.mark.parametrize(
    "condition",
    [
        "ID=2", "Share=0.5", "Moment=2021-05-02 07:00:00", "Moment.Day=2021-05-02", "Moment.Weekday=Sunday",
        "Moment.Day!=2021-05-01", "Moment.Day>2021-05-01",
    ],
)  # fmt: skip
def test_values_of_narrow_types_are_found(tmp_path: Path, condition: str) -> None:
    dataset = Dataset(schema=Narrow, landing=tmp_path)
    moments = [datetime(2021, 5, day, 7) for day in (1, 2)]  # noqa: DTZ001 - as declared
    rows = Narrow.cast(pl.DataFrame({"ID": [1, 2], "Share": [0.25, 0.5], "Moment": moments})).with_columns(
        pl.Series(VERSION, [1, 2], pl.Int64), pl.Series(LINE, [2, 2], pl.UInt32)
    )
    segments = Segments(tmp_path / "segments")
    facts = segments.write(1, dataset.table, rows, Footer(dataset.name, dataset.fingerprint))
    asked = parse_condition(condition, {level.name: level.type for level in dataset.table.levels})
    parts = [Part(facts, segments.path(facts), {})]
    assert versions_holding(parts, dataset.table, asked) == {2}
