"""What `init` makes of files as published programs write them: right, a question, or refused; never other values."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
import pytest

from flows.datasets import find_dataset
from flows.errors import CubefeedError
from flows.inference.evidence import Wishes
from flows.inference.propose import propose
from flows.inference.samples import find_samples, read_samples
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.reading.port import Source
from flows.reading.readers import reader_of
from flows.validation.validate import validate
from tests.unit.reading.shapes import SHAPES, Shape

TAKEN = [shape for shape in SHAPES if not shape.refused]
ASKED = "asked"
REFUSED = "refused"


def understand(shape: Shape, directory: Path) -> pl.DataFrame | str:
    """The rows that the declaration of a sample takes, or why there are none."""
    (directory / "in").mkdir()
    (directory / "in" / "a.csv").write_bytes(shape.body)
    found = find_samples([directory / "in"])
    try:
        proposal = propose(found, list(read_samples(found)), Wishes())
    except CubefeedError:
        return ASKED
    if proposal.questions:
        return ASKED
    (directory / "a.py").write_text(proposal.source)
    dataset = find_dataset(f"{directory / 'a.py'}:{proposal.constant}")
    checked = validate(dataset, reader_of(dataset).parse([Source("a.csv", shape.body)]))
    if not checked.verdicts[0].accepted:
        return REFUSED
    return in_order(dataset, checked.rows.drop(FILE, LINE), list(shape.columns))


def in_order(dataset: Dataset, rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The columns under the names that headers have, in the order of the shape."""
    assert isinstance(dataset.format, Csv)
    header = dataset.format.header
    if header is None:
        return rows
    texts = {name: text for text, name in header.aliases.items()}
    return rows.rename({name: texts.get(name, name) for name in rows.columns}).select(names)


def means(found: object, wanted: object) -> bool:
    """Whether a value says the same, be it as text; what was not understood is kept as it stands in the file."""
    if found == wanted:
        return True
    match wanted:
        case bool() | None:
            return False
        case Decimal() | int() | float():
            return number(found) == number(wanted)
        case date():
            return isinstance(found, datetime) and found == wanted
        case _:
            return str(found) == wanted


def number(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def raw_cells(shape: Shape) -> set[str]:
    """All texts that may be cells, as they stand in the file."""
    line = shape.text.replace("\n", shape.form.delimiter).replace('"', "")
    return {cell.strip() for cell in line.split(shape.form.delimiter)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame | str]:
    return {shape.name: understand(shape, tmp_path_factory.mktemp("shape")) for shape in TAKEN}


@pytest.mark.parametrize("shape", TAKEN, ids=lambda shape: shape.name.replace(" ", "_"))
def test_no_value_is_another_one(shape: Shape, outcomes: dict[str, pl.DataFrame | str]) -> None:
    found = outcomes[shape.name]
    if isinstance(found, str):
        return
    assert found.height == len(shape.rows)
    cells = raw_cells(shape)
    for row, wanted in zip(found.rows(), shape.rows, strict=True):
        for value, expected in zip(row, wanted, strict=True):
            is_text = isinstance(value, str) and value in cells
            is_code = expected is None and any(number(cell) == number(value) for cell in cells)  # such as -999
            assert means(value, expected) or is_text or is_code, (value, expected)


def test_most_are_understood(outcomes: dict[str, pl.DataFrame | str]) -> None:
    others = {name: why for name, why in outcomes.items() if isinstance(why, str)}
    assert len(others) <= len(TAKEN) // 5, others
