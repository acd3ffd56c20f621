"""From sample files to a dataset file that takes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from flows.datasets import find_dataset
from flows.errors import DeclarationError, plain
from flows.inference.evidence import Decision, Question, Wishes
from flows.inference.propose import Proposal, propose
from flows.inference.samples import find_samples, read_samples
from flows.ingest.offline_check import check_located, locate
from flows.model.findings import Verdict
from flows.store.atomic_write import write_file
from flows.text.output import Format, show

_SHOWN = 3
"""Findings of a refused file that are shown."""
_COLUMNS = ("what", "understood", "from", "uncertain", "decided by")


def declare_samples(named: Sequence[Path], output: Path, wishes: Wishes, *, overwrite: bool) -> bool:
    """Understand files, write the declaration, and check the files with it. Returns whether all of them are taken.

    Raises:
        DeclarationError: the samples leave something open, or the output is there already.
        QueryError: there is nothing to understand.
    """
    _check_output(output, overwrite=overwrite)
    found = find_samples(named)
    samples = list(_shown_while("reading", read_samples(found), len(found.files)))
    proposal = propose(found, samples, wishes)
    _show_decisions(proposal.decisions)
    if proposal.questions:
        _show_questions(proposal.questions)
        raise _undecided(proposal.questions)
    write_file(output, proposal.source, what="the dataset file")
    return _check(found.files, output, proposal)


def _check_output(output: Path, *, overwrite: bool) -> None:
    if output.suffix != ".py":
        raise DeclarationError("A dataset file ends with .py", next_step=f"write -o {output.stem}.py", got=output)
    if output.exists() and not overwrite:
        raise DeclarationError(
            "The output file is there already", next_step="name another one with -o, or add --overwrite", file=output
        )


def _check(files: Sequence[Path], output: Path, proposal: Proposal) -> bool:
    """Check all files as a session would, with the declaration as it was written, and show what came of it."""
    declared = f"{output}:{proposal.constant}"
    dataset = find_dataset(declared)
    judged = check_located(dataset, locate(dataset, files))
    verdicts = [(file.path, verdict) for file, verdict in _shown_while("checking", judged, len(files))]
    show([_taken(name, verdict) for name, verdict in verdicts], Format.table, title=f"checked with {declared}",
         columns=("file", "rows", "refused", "let pass", "first findings"), grouped=("rows", "refused"))  # fmt: skip
    counted = [
        verdict for name, verdict in verdicts if not (verdict.accepted and dataset.is_archive(os.fsencode(name)))
    ]
    refused = sum(not verdict.accepted for verdict in counted)
    rows = sum(verdict.rows for verdict in counted)
    if refused:
        _say(f"{refused} of {len(counted)} files are refused: change {output}, then type")
        _say(f"  cubefeed check --dataset {declared} {dataset.landing}")
        return False
    _say(f"{rows:,} rows of {len(counted)} files are taken. Look through {output}, then type")
    if not dataset.directory.exists():
        _say(f"  mkdir -p {dataset.landing}  # and move the files there")
    _say(f"  cubefeed watch --dataset {declared}")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{plain(text)}\n")


def _taken(name: str, verdict: Verdict) -> dict[str, object]:
    return {
        "file": name,
        "rows": verdict.rows,
        "refused": verdict.refused,
        "let pass": "; ".join(each.text for each in verdict.tolerated),
        "first findings": "; ".join(each.words for each in verdict.findings[:_SHOWN]),
    }


def _show_decisions(decisions: Sequence[Decision]) -> None:
    rows = [
        dict(zip(_COLUMNS, (each.what, each.value, each.evidence, each.uncertain, each.flag), strict=True))
        for each in decisions
    ]
    show(rows, Format.table, title="understood")


def _show_questions(questions: Sequence[Question]) -> None:
    rows = [
        {"what": question.what, "either": reading.example, "with": f"{question.flag} {reading.value}"}
        for question in questions
        for reading in question.readings
    ]
    show(rows, Format.table, title="not decided by the samples")


def _undecided(questions: Sequence[Question]) -> DeclarationError:
    first = questions[0]
    ways = " or ".join(f"{first.flag} {reading.value}" for reading in first.readings)
    return DeclarationError(
        f"The samples can be read in several ways ({first.what}), so nothing was written",
        next_step=f"add {ways}, or name samples that decide it",
    )


def _shown_while[T](what: str, things: Iterable[T], count: int) -> Iterator[T]:
    """The things, with a bar for people while they are made."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield from bar.track(things, total=count, description=what)
