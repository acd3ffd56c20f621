"""Gate and parse files as text: many of them at once, each judged as if it were alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.model.dataset import Dataset
from flows.model.findings import NO_FINDINGS, FileFindings
from flows.model.tolerances import Tolerance
from flows.reading.csv.cells import read_cells
from flows.reading.csv.dialect import csv_of
from flows.reading.csv.gate import Gate, VettedFile
from flows.reading.path_values import path_values, with_path_values
from flows.reading.port import Source
from flows.reading.refusal import FileRefused
from flows.reading.refused_lines import with_refused_lines
from flows.reading.trailer_checks import wrong_sums
from flows.validation.raw_rows import RawRows


def parse(dataset: Dataset, sources: Sequence[Source], *, plain: bool = True) -> RawRows:
    """Let files through the gate and split them into text cells.

    Args:
        dataset: the declaration.
        sources: the files of a batch.
        plain: whether files that need no second look may take the short way. Both ways give the same.

    Returns:
        All rows that could be split without doubt; every other line, or file, has a finding.

    Raises:
        TooCostly: one of them, or all together, would take more memory than there is room for.
    """
    gate = Gate(dataset, plain=plain)
    vetted: dict[int, VettedFile] = {}
    found: list[FileFindings] = []
    held: dict[str, list[str | None]] = {name: [] for name in dataset.path_columns}
    for index, source in enumerate(sources):
        try:
            values = path_values(dataset, source.path)
            vetted[index] = gate.vet(source.body if source.opened else gate.open(source.body))
            found.append(NO_FINDINGS)
        except FileRefused as refusal:
            values = dict.fromkeys(held)
            found.append(refusal.found)
        for name, column in held.items():
            column.append(values[name])
    cells = read_cells(dataset, vetted)
    for index, wrong in wrong_sums(dataset, cells.frame, {i: one.trailers for i, one in vetted.items()}):
        found[index] = found[index].with_refusal(wrong.finding, wrong.reason)
    return RawRows(
        frame=with_path_values(dataset, cells.frame, held),
        data_rows=[vetted[i].data_rows if i in vetted else each.refused for i, each in enumerate(found)],
        found=with_refused_lines(_with_tolerances(found, vetted, cells.tolerated), cells.notes),
        bodies=[vetted[i].body if i in vetted else source.body for i, source in enumerate(sources)],
        multiline=csv_of(dataset).multiline,
    )


def _with_tolerances(
    found: Sequence[FileFindings], vetted: Mapping[int, VettedFile], in_cells: Mapping[int, tuple[Tolerance, ...]]
) -> Sequence[FileFindings]:
    """What is found in each file with what was let pass."""
    tolerated = ((*one.tolerated, *in_cells.get(file, ())) for file, one in vetted.items())
    let_pass = {file: each for file, each in zip(vetted, tolerated, strict=True) if each}
    return [replace(each, tolerated=let_pass[file]) if file in let_pass else each for file, each in enumerate(found)]
