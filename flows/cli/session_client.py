"""How commands talk to the session of a state directory. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import QueryError
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.store.owner import Owner
    from flows.store.payload import Kind


def read_from_session(state: Path | None, path: str, parameters: list[tuple[str, str]] | None = None) -> Any:
    """What the session answers to a path of its read API.

    Raises:
        NotRunning: nothing is running, or it does not answer.
        QueryError: it refuses the parameters.
    """
    from flows.ingest.client import STATUS_S, TIMEOUT_S, read

    owner = owner_of(state)
    timeout_s = STATUS_S if parameters is None else TIMEOUT_S  # a query may take its time
    return read(owner, path, parameters or (), timeout_s=timeout_s)


def owner_of(state: Path | None) -> Owner:
    """The process that owns a state directory.

    Raises:
        NotRunning: there is none.
    """
    from flows.store.state_directory import StateDirectory

    return StateDirectory(Settings.read(state=state).state).require_owner()


def request_of_session(
    kind: Kind, dataset: str | None, state: Path | None, timeout_s: float, **payload: object
) -> dict[str, Any]:
    """What came of a request to the session.

    Raises:
        NotRunning: nothing is running.
        QueryError: the session has several datasets, and none was named.
        RequestFailed: it was refused, failed, or took too long.
    """
    from flows.ingest.client import ask

    settings = Settings.read(state=state)
    return ask(settings.state, dataset or only_dataset(settings), kind, payload, timeout_s=timeout_s)


def only_dataset(settings: Settings) -> str:
    """The one dataset of the session.

    Raises:
        NotRunning: nothing is running.
        QueryError: there are several.
    """
    from flows.store.state_directory import StateDirectory

    names = StateDirectory(settings.state).require_owner().datasets
    if len(names) != 1:
        raise QueryError("There are several datasets", next_step="name one with --dataset", got=", ".join(names))
    return names[0]
