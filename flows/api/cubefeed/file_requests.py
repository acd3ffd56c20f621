"""What may be asked of a session besides questions, on its own computer alone: to load files, to report a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubefeed.parameters import Texts, texts
from cubefeed.transport import Transport
from flows.errors import QueryError, RequestFailed

if TYPE_CHECKING:
    from flows.store.payload import Kind

REQUEST_S = 600.0


class FileRequests:
    """The requests of a connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def load(
        self,
        *files: str,
        dataset: str | None = None,
        where: Texts = (),
        since: str | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Load files now, also those that were unloaded.

        Args:
            files: names or patterns; none means all that wait.
            dataset: whose; the only one by default.
            where: only files whose rows meet conditions.
            since: only files found at or after this moment, an ISO time.
            force: read them again, also where nothing is new; a duplicate stays one.
            dry_run: say what would change, and change nothing.

        Returns:
            What came of it: `files`, each with its state and rows, `file_count`, and `rows`.

        Raises:
            RequestFailed: it was refused, or failed; or the session is on another computer.
        """
        return self._change("load", files, dataset, where=where, since=since, force=force, dry_run=dry_run)

    def reload(
        self,
        *files: str,
        dataset: str | None = None,
        where: Texts = (),
        since: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Read files again, even where nothing seems to have changed; as `load`."""
        return self._change("reload", files, dataset, where=where, since=since, dry_run=dry_run)

    def unload(
        self,
        *files: str,
        dataset: str | None = None,
        where: Texts = (),
        since: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Take the rows of files out of the cube; they stay out until `load`, or until the files change; as `load`."""
        return self._change("unload", files, dataset, where=where, since=since, dry_run=dry_run)

    def report(self, day: date | str | None = None, *, dataset: str | None = None) -> dict[str, Any]:
        """The facts of a business day: totals and their changes, files, complaints; by default of the one due.

        Raises:
            RequestFailed: there is no such day; or the session is on another computer.
        """
        asked = day.isoformat() if isinstance(day, date) else day
        return dict(self._request("report", dataset, {"date": asked})["report"])

    def _change(
        self, kind: Kind, files: Sequence[str], dataset: str | None, *, where: Texts, **options: Any
    ) -> dict[str, Any]:
        payload = {"paths": list(files), "where": list(texts(where)), "asked_in": str(Path.cwd()), **options}
        return self._request(kind, dataset, payload)

    def _request(self, kind: Kind, dataset: str | None, payload: Mapping[str, Any]) -> dict[str, Any]:
        from flows.ingest.client import ask

        state, owner = self._transport.state, self._transport.owner()
        if state is None:
            raise RequestFailed(
                "Only the computer of the session may ask for that", next_step="connect there, with state=…", got=kind
            )
        if dataset is None and len(owner.datasets) != 1:
            raise QueryError("There are several datasets", next_step="name one", got=", ".join(owner.datasets))
        return ask(state, dataset or owner.datasets[0], kind, payload, timeout_s=REQUEST_S)
