"""What a run says of the loads: in its name, in its state and in its log."""

from __future__ import annotations

import logging
from datetime import datetime

from flows.ingest.load_summary import LoadSummary
from flows.ingest.work import FileOutcome, Outcome
from flows.text.plural import counted

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


def window_name(loads: LoadSummary) -> str:
    """A name that people can read: `sales · 12 files, 2 refused · 08:21:03`."""
    datasets = loads.datasets
    about = ", ".join(datasets) if len(datasets) <= 3 else f"{len(datasets)} datasets"
    refused = loads.by_state["quarantined"]
    what = f"{counted(loads.files, 'file')}{f', {refused:,} refused' if refused else ''}" if loads.files else "no files"
    return " · ".join(part for part in (about, what, f"{datetime.now().astimezone():%H:%M:%S}") if part)


def loads_line(loads: LoadSummary) -> str:
    """What came of the files, and why one was refused: `10 loaded, 2 quarantined, 300 rows; bad.csv …`."""
    if not loads.files:
        return "No files came, and none had to be loaded"
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(loads.by_state.items()) if count)
    refused = next((load.file for load in loads.first if load.file.state == "quarantined"), None)
    why = f"; {file_line(refused)}" if refused is not None else ""
    return f"{counts}, {counted(loads.rows, 'row')}{why}"


def log_outcome(logger: Logger, outcome: Outcome) -> None:
    """Say what became of the files, and how long the batch took; or why it could not be loaded."""
    if outcome.problem is not None:
        logger.error("%s cannot load: %s", outcome.dataset, outcome.problem)
        return
    files, more = outcome.named()
    name = f"{outcome.dataset}, dry run" if outcome.dry_run else outcome.dataset
    for file in files:
        level = logging.WARNING if file.state == "quarantined" or file.warning else logging.INFO
        logger.log(level, "%s: %s", name, file_line(file))
    if more:
        logger.info("%s: and %s", name, counted(more, "more file"))
    if not files:
        return  # a request that has changed none
    logger.info("%s: %s in %.0f ms", name, counted(outcome.rows, "row"), outcome.took_s * 1000)


def file_line(file: FileOutcome) -> str:
    """One file in one line: name, state, numbers, first finding."""
    parts = [f"{file.file} {file.state}"]
    if file.rows:
        parts.append(counted(file.rows, "row"))
    if file.refused:
        parts.append(f"{file.refused:,} refused")
    if file.reason:
        parts.append(file.reason)
    if file.warning:
        parts.append(file.warning)
    if file.tolerated:
        parts.append(file.tolerated)
    if file.first_finding is not None:
        parts.append(file.first_finding.words)
    return ", ".join(parts)
