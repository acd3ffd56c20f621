"""What the log of a run says of the loads."""

from __future__ import annotations

import logging

from flows.ingest.work import FileOutcome, Outcome
from flows.text.plural import counted

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


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
    if file.first_finding is not None:
        parts.append(file.first_finding.words)
    return ", ".join(parts)
