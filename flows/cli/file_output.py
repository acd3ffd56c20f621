"""Answers that go into a file: whole, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.session_client import owner_of
from flows.errors import QueryError, StateError, plain
from flows.store.atomic_write import private_name
from flows.store.disk import room_for
from flows.text.output import Format
from flows.web.forms import Form

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write all rows into this file instead; its ending says how: .xlsx .csv .parquet .arrow"
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the file where there is one.")]


def save_answer(
    to: Path, path: str, parameters: list[tuple[str, str]], *, state: Path | None, form: Format, overwrite: bool
) -> None:
    """Write what the session answers into a file; it appears once it is complete.

    Args:
        to: the file; its ending says its form.
        path: of the read API.
        parameters: of that.
        state: the state directory.
        form: how the command prints, which has no say here.
        overwrite: whether to replace a file that is there.

    Raises:
        QueryError: the ending is that of no form, or the session refuses the question.
        StateError: there is such a file already, or no room for it.
        NotRunning: nothing is running, or ended in the middle.
    """
    if form is not Format.table:
        raise QueryError("The ending of a file says its form", next_step="leave --format out", got=form.value)
    wanted = form_named(to)
    from flows.ingest.client import download

    require_free(to, overwrite=overwrite)
    parts = download(owner_of(state), path, [*parameters, ("format", wanted.value)])
    with closing(parts), private_name(to) as partial:
        size = _write(partial, parts)
        require_free(to, overwrite=overwrite)
        partial.rename(to)
    sys.stderr.write(f"wrote {plain(to)}, {size:,} bytes\n")


def form_named(file: Path) -> Form:
    """The form that the ending of a file names.

    Raises:
        QueryError: it names none.
    """
    ending = file.suffix.removeprefix(".").lower()
    if ending not in set(Form):
        known = ", ".join(f".{form.value}" for form in Form)
        raise QueryError("The ending of the file names no form", next_step=f"use one of {known}", got=file.name)
    return Form(ending)


def require_free(place: Path, *, overwrite: bool) -> None:
    """Refuse a place where something is already, unless that is to be replaced.

    Raises:
        StateError: something is there, or there is no directory to write into.
    """
    if not place.parent.is_dir():
        raise StateError("There is no such directory", next_step="make it, or name another one", path=place.parent)
    if place.is_dir() or (place.exists() and not overwrite):
        step = "name another one" if place.is_dir() else "name another one, or replace it with --overwrite"
        raise StateError("There is one of that name already", next_step=step, path=place)


def _write(partial: Path, parts: Iterable[bytes]) -> int:
    """Write parts as they come; returns how many bytes they are."""
    with room_for("the file", partial.parent, 0), open(partial, "xb") as file:
        for part in shown_bytes(parts):
            file.write(part)
        return file.tell()


def shown_bytes(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Parts, with how much has come, for people who look at a terminal."""
    if not sys.stderr.isatty():
        yield from parts
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        for part in parts:
            yield part
            bar.advance(task, len(part))
