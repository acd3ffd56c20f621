"""Load, reload or unload files on demand: leaves a request for the live session and reports what came of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Literal

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.errors import CubefeedError, RequestFailed
from flows.ingest.client import ask
from flows.ingest.work import NAMED
from flows.orchestration.artifacts import name_run, publish_table
from flows.settings import Settings
from flows.text.escape import markdown
from flows.text.output import plain_logs

TIMEOUT_S = 600.0


@flow(name="load-files")
async def load_files(
    dataset: str,
    paths: list[str] | None = None,
    mode: Literal["load", "reload", "unload"] = "load",
    force: bool = False,
) -> State[None]:
    """Ask the live session to load, reload or unload files of a dataset.

    Args:
        dataset: the dataset's name.
        paths: files or patterns inside its landing directory; all of it when empty.
        mode: `load` what is new or unloaded, `reload` again from the file, or `unload`.
        force: read the files again, also those of which nothing is new; a duplicate stays one.
    """
    plain_logs()
    await name_run(f"{dataset} · {mode} · {len(paths) if paths else 'all'}")
    try:
        outcome = await ask_owner(dataset, mode, {"paths": paths or [], "force": force})
    except RequestFailed as error:
        await _tell_files(dataset, mode, error.outcome)
        return Failed(message=str(error))
    except CubefeedError as error:
        return Failed(message=str(error))
    await _tell_files(dataset, mode, outcome)
    return Completed(message=f"{outcome['file_count']} files, {outcome['rows']:,} rows loaded")


async def _tell_files(dataset: str, mode: str, outcome: Mapping[str, Any]) -> None:
    """What became of the files, those that were not loaded first: in the log, and as a table."""
    files = sorted(outcome.get("files", ()), key=lambda file: bool(file["state"] == "loaded"))
    count = outcome.get("file_count", len(files))
    for file in files[:NAMED]:
        get_run_logger().info("%s: %s, %s rows %s", file["file"], file["state"], file["rows"], file["reason"] or "")
    if count > NAMED:
        get_run_logger().info("and %s more files", f"{count - NAMED:,}")
    if files:
        columns = ("file", "state", "rows", "refused", "findings", "reason")
        rows = [{name: file[name] for name in columns} for file in files]
        shown = f", {len(files):,} of {count:,} files" if count > len(files) else ""
        await publish_table(f"load-files-{dataset}", rows, f"{mode} of {markdown(dataset)}{shown}")


@task(name="ask_owner", cache_policy=NO_CACHE)
async def ask_owner(dataset: str, kind: str, payload: dict[str, object], owner_within_s: float = 0.0) -> dict[str, Any]:
    """Leave a request in the ledger and wait for its outcome; take it back when the run is cancelled."""
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(
            ask,
            Settings.read().state,
            dataset,
            kind,
            payload,
            timeout_s=TIMEOUT_S,
            owner_within_s=owner_within_s,
            withdrawn=cancelled.is_set,
        )
    finally:
        cancelled.set()
