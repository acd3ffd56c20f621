"""Commands for who declares datasets and who delivers their files: offline, and light to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.options import DatasetsOption, FormatOption, StateOption, settings_of
from flows.errors import QueryError, plain
from flows.text.output import Format, show

if TYPE_CHECKING:
    from flows.model.dataset import Dataset
    from flows.model.findings import Verdict

DateOrder = Literal["dmy", "mdy", "ymd"]
Percent = Literal["share", "number"]
commands = typer.Typer()

_SHOWN = 20
"""Findings of a file that a table shows."""
_SUMMARY = ("file", "verdict", "rows", "refused", "findings", "let_pass", "reason")
_FINDING = ("file", "line", "column", "rule", "raw", "expected")


@commands.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files, or directories that stand for the landing directory.")
    ] = None,
    dataset: DatasetsOption = None, state: StateOption = None, form: FormatOption = Format.table,
    strict: Annotated[bool, typer.Option("--strict", help="What is let pass is a finding too.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")] = None,
) -> None:  # fmt: skip
    """Say whether files would be accepted. They may lie anywhere; exit 1 where one is refused. Without files:
    say what a declaration would do to what is loaded; exit 1 where it would lose some from sight, or refuse some."""
    if not files:
        _check_declarations(dataset, state, form)
        return
    declared = _the_one(dataset)
    verdicts = _judge(declared, files, strict=strict)
    if junit is not None:
        from flows.text.junit import junit_of

        junit_of(declared.name, verdicts).write(junit, encoding="utf-8", xml_declaration=True)
    show_verdicts(verdicts, form)
    if not all(verdict.accepted for _, verdict in verdicts):
        raise typer.Exit(1)


@commands.command()
def init(
    files: Annotated[list[Path], typer.Argument(help="Sample files, or directories of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The dataset file to write: FILE.py.")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the dataset.", show_default="the directory's")
    ] = "",
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A column of the key, as headers name it. May be repeated."),
    ] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Rows have no key: all are kept.")] = False,
    dates: Annotated[
        DateOrder | None, typer.Option("--dates", help="What 03/04/2024 begins with: a day, a month or a year.")
    ] = None,
    decimal: Annotated[str | None, typer.Option("--decimal", metavar="SIGN", help="The decimal sign: . or ,")] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", metavar="TEXT", help="The text between fields.")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="Encoding of files that are not UTF-8, such as cp1252."),
    ] = None,
    percent: Annotated[
        Percent | None, typer.Option("--percent", help="What 19 % is: a share, 0.19, or the number 19.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option("--sheet", metavar="NAME", help="Which sheet, of workbooks that show several.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
) -> None:
    """Write the declaration of your files. It is made of samples, and all of them are checked with it; exit 1 where
    they leave something open, or where one of them is refused."""
    with _without_integrations():
        from flows.cli.sample_declaration import declare_samples
    from flows.inference.evidence import Wishes

    settings_of()
    wishes = Wishes(name, tuple(key or ()), no_key, dates, decimal, delimiter, encoding, percent, sheet)
    if not declare_samples(files, output, wishes, overwrite=overwrite):
        raise typer.Exit(1)


def show_verdicts(verdicts: Sequence[tuple[str, Verdict]], form: Format) -> None:
    """Print the verdict on each file, and its findings."""
    rows = [_row(name, verdict) for name, verdict in verdicts]
    if form is not Format.table:
        show(rows, form)
        return
    show([row | {"findings": verdict.findings_count, "let_pass": "; ".join(row["let_pass"])}
          for row, (_, verdict) in zip(rows, verdicts, strict=True)], form, columns=_SUMMARY,
         grouped=("rows", "refused", "findings"))  # fmt: skip
    findings = [{"file": row["file"], **finding} for row in rows for finding in row["findings"][:_SHOWN]]
    if findings:
        show(findings, form, title="findings", columns=_FINDING)
    if any(verdict.findings_count > _SHOWN for _, verdict in verdicts):
        sys.stdout.write(f"The first {_SHOWN} findings of each file; --format json has those that are kept.\n")


def _row(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": name,
        "verdict": "accepted" if verdict.accepted else "refused",
        "rows": verdict.rows,
        "refused": verdict.refused,
        "collapsed": verdict.collapsed,
        "counts": dict(verdict.counts),
        "let_pass": [each.words for each in verdict.tolerated],
        "reason": plain(verdict.reason) if verdict.reason else None,
        "findings": [asdict(finding) for finding in verdict.findings],
    }


def _judge(dataset: Dataset, files: Sequence[Path], *, strict: bool) -> list[tuple[str, Verdict]]:
    from flows.ingest.offline_check import check_located, locate, strictly

    found = check_located(dataset, locate(dataset, files))
    return [(file.name, strictly(verdict) if strict else verdict) for file, verdict in found]


def _the_one(named: list[str] | None) -> Dataset:
    settings = settings_of(datasets=named)
    if "," in settings.datasets:
        raise QueryError(
            "Files are checked against one dataset",
            next_step="name one: --dataset FILE.py:NAME",
            got=settings.datasets,
        )
    with _without_integrations():
        from flows.datasets import find_dataset
    return find_dataset(settings.datasets)


@contextmanager
def _without_integrations() -> Iterator[None]:
    """Where dataframely finds SQLAlchemy and pydantic it imports them, for conversions that no check asks for: that
    takes as long as all else here. They can be imported afterwards."""
    hidden = [name for name in ("sqlalchemy", "pydantic", "pydantic_core") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: "there is no such module"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _check_declarations(dataset: list[str] | None, state: Path | None, form: Format) -> None:
    from flows.cli.offline import check_declarations

    found = check_declarations(settings_of(datasets=dataset, state=state))
    show(found, form)
    if any(effect["loses"] for effect in found):
        raise typer.Exit(1)
