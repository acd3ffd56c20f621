"""The groups of rows that are measured together, and how one that fails leaves the others alone."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench.failures import cause_of, is_absent
from tests.bench.rows import ROWS, Measured
from tests.bench.workspace import Workspace, say


@dataclass(frozen=True)
class Group:
    """Rows that are measured together.

    Args:
        function: `module:function`. It is imported when its turn comes: what it needs may not be there.
        rows: those that it yields.
        goes_on: whether it comes to the live session that the group before has left.
    """

    function: str
    rows: tuple[str, ...]
    goes_on: bool = False

    def load(self) -> Callable[[Workspace], Iterator[Measured]]:
        """The function.

        Raises:
            ImportError: something that it needs is not installed.
        """
        module, _, function = self.function.partition(":")
        found: Callable[[Workspace], Iterator[Measured]] = getattr(importlib.import_module(module), function)
        return found


QUESTIONS = (*(name for name in ROWS if name.startswith("ask-")), "reference", "reference-update")
GROUPS: dict[str, Group] = {
    "arrivals": Group("tests.bench.live:arrivals", ("arrival", "arrival-p99")),
    "crowd": Group("tests.bench.live:crowd", ("arrival-100k", "idle-cpu-100k"), goes_on=True),
    "polled": Group("tests.bench.live:polled", ("arrival-polling",)),
    "burst": Group("tests.bench.loads:burst", ("burst-guide", "burst-dlt")),
    "one-file": Group("tests.bench.loads:one_file", ("file-raw", "file-dlt", "file-bad-rows")),
    "dialect": Group("tests.bench.dialects:dialect", ("file-dialect",)),
    "formats": Group("tests.bench.formats:formats", ("file-parquet", "file-json-lines", "workbook")),
    "archive": Group("tests.bench.archives:archive", ("archive",)),
    "many-rows": Group(
        "tests.bench.loads:many_rows",
        ("load-new-raw", "load-new-glob", "load-memory", "restart-new", "load-half-raw", "restart-half"),
    ),
    "queries": Group(
        "tests.bench.queries:queries", ("query-date", "query-date-http", "query-pivot", "query-pivot-http")
    ),
    "questions": Group("tests.bench.questions:questions", QUESTIONS),
    "derived": Group("tests.bench.questions:derived", ("derived",)),
    "corrections": Group("tests.bench.corrections:corrections", ("correction", "correction-back")),
    "ledger": Group("tests.bench.ledgers:long_history", ("ledger-start", "ledger-file")),
    "start": Group("tests.bench.starts:start", ("up-new",)),
    "commands": Group("tests.bench.commands:commands", ("cli-help", "cli-query")),
    "pages": Group("tests.bench.pages:pages", ("page-1m", "page-10m")),
    "parts": Group("tests.bench.parts:parts", ("scan-100k", "parse")),
}
"""In this order, since some use the state that others have loaded."""


def measure_group(group: Group, on: Workspace) -> Iterator[Measured]:
    """All rows of a group. Those that it does not get to, because something raised, come without values.

    What a group with such rows has left is removed: a later one does not start from half a state, or on a disk that
    is still full.
    """
    left, whole = list(group.rows), True
    cause = "its group ended without it"
    try:
        if not group.goes_on:
            on.end_live()
        for measured in group.load()(on):
            left.remove(measured.row)
            whole = whole and not measured.missing
            yield measured
    except Exception as error:
        cause = cause_of(error)
        if not is_absent(cause):
            say(traceback.format_exc())
    yield from (Measured(row, missing=cause) for row in left)
    if left or not whole:
        with contextlib.suppress(Exception):  # the first one is the reason
            on.clear()
