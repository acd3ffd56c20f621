"""Load, reload or unload files on demand: leaves a request for the live session and reports what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.errors import CubefeedError, RequestFailed
from flows.ingest.file_request import OUTCOME_COLUMNS, FileMode, file_request, outcome_line
from flows.ingest.work import NAMED
from flows.orchestration.artifacts import name_run, publish_table
from flows.orchestration.parameters import Moment
from flows.orchestration.session_requests import asking_session
from flows.text.escape import markdown
from flows.text.output import plain_logs
from flows.text.plural import counted


@flow(name="load-files")
async def load_files(
    dataset: str,
    mode: Literal["load", "reload", "unload"] = "load",
    paths: list[str] | None = None,
    since: Moment | None = None,
    where: list[str] | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> State[None]:
    """Load, reload or unload files of a dataset through the live session, as cubefeed load, reload and unload do.

    Args:
        dataset: Whose files. The deployment names it.
        mode: Load what is new or was unloaded, reload from the files whatever is known of them, or unload.
        paths: Names or patterns inside the landing directory, such as sales_2021-05-0*.csv. All files where there are
            none.
        since: Only files whose last accepted version was found at or after this time.
        where: Only files that hold a row that meets a condition, such as Date=2021-05-01 or Date>=2021-05-01;
            one such row for each condition where there are several.
        dry_run: Say what would change, and change nothing.
        force: With load, read the files again, also those of which nothing is new. A duplicate stays one.
    """
    plain_logs()
    chosen = f"{len(paths)}" if paths else "all"
    await name_run(f"{dataset} · {mode} · {chosen}{' · dry run' if dry_run else ''}")
    payload = file_request(paths, since=since, where=where, dry_run=dry_run, force=force)
    state: State[Any] = await ask_session(dataset, mode, payload, return_state=True)  # type: ignore[misc]  # as if sync
    outcome = await state.aresult(raise_on_failure=False)
    if isinstance(outcome, RequestFailed):
        await _tell_files(dataset, mode, outcome.outcome)
    if isinstance(outcome, CubefeedError):
        return Failed(message=str(outcome))
    if isinstance(outcome, Exception):
        raise outcome
    await _tell_files(dataset, mode, outcome)
    return Completed(message=outcome_line(mode, outcome, dry_run=dry_run))


@task(name="ask_session", cache_policy=NO_CACHE)
async def ask_session(dataset: str, mode: FileMode, payload: Mapping[str, Any]) -> State[Any]:
    """Leave a request for the session and wait for its outcome; it is taken back when the run is cancelled."""
    try:
        with asking_session(dataset, mode) as ask:
            return Completed(data=await asyncio.to_thread(ask, payload))
    except CubefeedError as error:  # a traceback in the log would say no more
        return Failed(message=str(error), data=error)


async def _tell_files(dataset: str, mode: FileMode, outcome: Mapping[str, Any]) -> None:
    """What became of the files, those that were not loaded first: in the log, and as a table."""
    files = sorted(outcome.get("files", ()), key=lambda file: bool(file["state"] == "loaded"))
    count = outcome.get("file_count", len(files))
    for file in files[:NAMED]:
        reason = f"; {file['reason']}" if file["reason"] else ""
        get_run_logger().info("%s: %s, %s%s", file["file"], file["state"], counted(file["rows"], "row"), reason)
    if count > NAMED:
        get_run_logger().info("and %s more files", f"{count - NAMED:,}")
    if files:
        rows = [{name: file[name] for name in OUTCOME_COLUMNS} for file in files]
        shown = f", {len(files):,} of {count:,} files" if count > len(files) else ""
        await publish_table(f"load-files-{dataset}", rows, f"{mode} of {markdown(dataset)}{shown}")
