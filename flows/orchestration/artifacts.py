"""What Prefect shows of the loads: the names of runs, and artifacts."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows.ingest.load_summary import LoadSummary
from flows.ingest.work import FileOutcome
from flows.model.findings import Finding
from flows.orchestration.deployment_names import artifact_key
from flows.orchestration.run_log import file_line
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory
from flows.text.escape import code, markdown
from flows.text.plural import counted

TABLE_ROWS = 200
"""Rows of a table artifact at most; the ledger has them all."""
FINDINGS_TABLES = 50
"""Files of one window that get a table of findings each: thousands of refused files would hold it up for minutes."""


async def name_run(name: str) -> None:
    """Give the running flow run a name."""
    async with get_client() as client:
        await client.update_flow_run(UUID(flow_run.get_id()), name=name)


async def publish_loads(
    inside: LoadSummary, outside: LoadSummary, findings_of: Callable[[str, int], Sequence[Finding]]
) -> None:
    """The window's artifacts: what it loaded, what was loaded without a window, and each refused file's findings."""
    if inside.files:
        await publish_table(
            "last-loads", _load_rows(inside), f"What came of these files, the last one first{_live_page()}"
        )
    if outside.files:
        why = "What was loaded while Prefect did not answer, or before a window had opened"
        await publish_table("loaded-outside-windows", _load_rows(outside), why)
    await publish_findings(outside.then(inside), findings_of)


async def publish_findings(loads: LoadSummary, findings_of: Callable[[str, int], Sequence[Finding]]) -> None:
    """One table per file that was refused, or rows of which were; one for all of the rest where they are many."""
    found_in = [(load.dataset, load.file) for load in loads.first if load.file.findings]
    refused = [(dataset, file, file.version) for dataset, file in found_in if file.version is not None]
    rest = refused[FINDINGS_TABLES:]
    if rest:
        rows = [{"dataset": dataset, "file": file.file, "findings": file_line(file)} for dataset, file, _ in rest]
        more = loads.with_findings - FINDINGS_TABLES
        description = f"The first findings of {more:,} more files. In a terminal: `cubefeed findings`"
        await publish_table("findings-of-more-files", rows, description)
    for dataset, file, version in refused[:FINDINGS_TABLES]:
        found = await asyncio.to_thread(findings_of, dataset, version)
        await publish_table(
            f"findings-{dataset}",
            [asdict(finding) for finding in found[:TABLE_ROWS]],
            _findings_line(file),
        )


async def publish_links(owner: Owner, engine_url: str | None) -> None:
    """Links to what people look at."""
    links = {"live-page": (f"{owner.url}/", "The cube's live page")}
    if engine_url is not None:
        links["engine"] = (engine_url, f"The {owner.engine} user interface")
    for key, (link, text) in links.items():
        await acreate_link_artifact(key=_key(key), link=link, link_text=text, description=f"{text}: {link}")


async def publish_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Any table; its texts are text, and its description is markdown, as Prefect shows both."""
    table = [{name: _cell(value) for name, value in row.items()} for row in rows]
    await acreate_table_artifact(key=_key(key), table=table, description=description)


async def publish_report(dataset: str, day: str, text: str) -> None:
    """The report of a business day, in markdown."""
    await acreate_markdown_artifact(key=_key(f"report-{dataset}"), markdown=text, description=f"The report of {day}")


class ProgressArtifact:
    """A progress artifact fed from other threads; at most one update a second is sent, and none is waited for."""

    def __init__(self, key: str, what: str) -> None:
        self._key, self._what = _key(key), what
        self._share, self._description = 0.0, what
        self._ended = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def update(self, dataset: str, done: int, total: int) -> None:
        """How far it is, from any thread."""
        self._share, self._description = 100.0 * done / max(total, 1), f"{self._what}: {dataset}, {done} of {total}"

    async def __aenter__(self) -> ProgressArtifact:
        self._sending = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._share, self._description = 100.0, f"{self._what}: done"
        self._ended.set()

    async def _send(self) -> None:
        with contextlib.suppress(NothingFailed), boundary(Scope.PREFECT):
            artifact = await acreate_progress_artifact(self._share, key=self._key, description=self._description)
            ended = False
            while not ended:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), 1.0)
                ended = self._ended.is_set()
                await aupdate_progress_artifact(artifact, self._share, description=self._description)


def _live_page() -> str:
    """A link to the live page, where there is one."""
    owner = StateDirectory(Settings.read().state).owner()
    return f" · [live page]({owner.url}/)" if owner is not None and owner.url else ""


def _findings_line(file: FileOutcome) -> str:
    description = f"{markdown(file.file)}: {counted(file.findings, 'finding')} ({markdown(file.reason)})."
    more = f" The first {TABLE_ROWS} are shown; all:" if file.findings > TABLE_ROWS else " In a terminal:"
    name = f"{'-- ' if file.file.startswith('-') else ''}{shlex.quote(file.file)}"
    return f"{description}{more} {code(f'cubefeed findings {name}')}"


def _cell(value: object) -> object:
    return markdown(value) if isinstance(value, str) else value


def _key(text: str) -> str:
    return artifact_key(Settings.read().name, text)


def _load_rows(loads: LoadSummary) -> list[dict[str, Any]]:
    return [
        {
            "dataset": load.dataset,
            "file": load.file.file,
            "state": load.file.state,
            "rows": load.file.rows,
            "refused": load.file.refused,
            "findings": load.file.findings,
            "reason": load.file.warning or load.file.reason or "",
            "at": load.at_utc,
        }
        for load in reversed(loads.last)
    ]
