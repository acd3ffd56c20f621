"""Files as published programs write them are right, row for row, or refused with a finding."""

from __future__ import annotations

import pytest

from flows.model.dataset import Dataset
from flows.model.tables import FILE, LINE
from flows.reading.port import Source
from flows.reading.readers import reader_of
from flows.validation.validate import validate
from tests.unit.reading.shapes import SHAPES, Shape


def test_there_are_enough_each_with_its_source() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 60
    assert len({shape.source for shape in SHAPES}) >= 20


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name.replace(" ", "_"))
def test_a_file_is_right_or_refused(shape: Shape) -> None:
    dataset = Dataset(schema=shape.schema, landing="landing", format=shape.form)
    checked = validate(dataset, reader_of(dataset).parse([Source("a.csv", shape.body)]))
    (verdict,) = checked.verdicts
    assert checked.rows.drop(FILE, LINE).rows() == list(shape.rows)
    if shape.refused:
        assert not verdict.accepted and shape.refused in verdict.counts, verdict.findings
    else:
        assert verdict.accepted, verdict.findings
        assert shape.rows
