"""How other processes talk to the owner: requests through the ledger, reads over HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import CubefeedError, Interrupted, NotRunning, QueryError, Starting
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory
from flows.web.token import token_here

if TYPE_CHECKING:
    from flows.store.payload import Kind

TIMEOUT_S = 60.0
STATUS_S = 15.0
"""How long the status may take, which is there at once where the process is well."""

DOWNLOAD_S = 300.0
"""How long a part of a file may take: a workbook is made as a whole before it is sent."""
PART_BYTES = 1 << 20


def read(
    owner: Owner,
    path: str,
    parameters: Iterable[tuple[str, str]] = (),
    *,
    timeout_s: float = TIMEOUT_S,
    token: str | None = None,
) -> Any:
    """GET a path of the owner's read API, with the token of the environment where none is given.

    Raises:
        QueryError: the owner refused the parameters.
        Starting: the cube is not complete yet.
        NotRunning: it does not answer.
    """
    try:
        with _opener(owner).open(_request(owner, path, parameters, token), timeout=timeout_s) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        refusal = _body(error)
        if "error" not in refusal:
            return refusal  # it is none, but says what is not well: /health
        raise _refusal(error, refusal) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotRunning(
            f"The live process does not answer ({error})",
            next_step="ask again in a minute, since a session that stands still ends by itself; else end its process",
            pid=owner.pid or None,
            url=owner.url,
        ) from error


def download(
    owner: Owner, path: str, parameters: Iterable[tuple[str, str]] = (), *, token: str | None = None
) -> Generator[bytes]:
    """The bytes of what a path of the owner's read API answers, as they come.

    Raises:
        QueryError: the owner refused the parameters.
        Starting: the cube is not complete yet.
        NotRunning: it does not answer, or ended before the end of the answer.
    """
    try:
        with _opener(owner).open(_request(owner, path, parameters, token), timeout=DOWNLOAD_S) as answer:
            while part := answer.read(PART_BYTES):
                yield part
    except urllib.error.HTTPError as error:
        raise _refusal(error, _body(error)) from None
    except (OSError, http.client.HTTPException) as error:
        raise NotRunning(
            f"The live process has ended before the end of its answer, or did not go on ({error})",
            next_step="see its log, and ask again; nothing was kept of what came",
            pid=owner.pid or None,
            url=owner.url,
        ) from error


def _refusal(error: urllib.error.HTTPError, refusal: dict[str, Any]) -> CubefeedError:
    """The error that the owner has answered with."""
    refusal.pop("allowed", None)  # the next step names them
    kind = Starting if error.headers.get("Retry-After") else QueryError
    return kind(refusal.pop("error"), next_step=refusal.pop("next"), **refusal)


def _body(error: urllib.error.HTTPError) -> dict[str, Any]:
    """What a refusal says; something else than this API may have answered."""
    try:
        return dict(json.load(error))
    except ValueError:
        return {"error": f"The answer was {error.code} {error.reason}", "next": "see cubefeed doctor"}


def _opener(owner: Owner) -> urllib.request.OpenerDirector:
    """What opens its address: in plain HTTP by no proxy, and without the certificates, which take long to load."""
    if str(owner.url).startswith("https:"):
        return urllib.request.build_opener()
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
    ):
        opener.add_handler(handler())
    return opener


def _request(
    owner: Owner, path: str, parameters: Iterable[tuple[str, str]], token: str | None
) -> urllib.request.Request:
    url = f"{owner.url}{path}?{urllib.parse.urlencode(list(parameters), errors='surrogateescape')}"
    token = token or token_here()
    return urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})


def ask(
    state: Path,
    dataset: str,
    kind: Kind,
    payload: Mapping[str, Any],
    *,
    timeout_s: float,
    withdrawn: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Leave a request for the owner and wait for what came of it.

    Args:
        state: the state directory.
        dataset: the dataset's name.
        kind: what to do.
        payload: its parameters, JSON types only.
        timeout_s: how long to wait.
        withdrawn: whether the caller does not want it any more; asked all the time.

    Raises:
        NotRunning: nothing runs on this state directory.
        RequestWithdrawn: it took too long, or the owner is gone, before anything was done for it.
        RequestFailed: it was refused, failed, or took too long.
        Interrupted: Ctrl-C; the error says whether the request was still withdrawn.
    """
    from flows.store.ledger_file import ledger_required, open_ledger
    from flows.store.requests import RequestBox

    directory = StateDirectory(state)
    owner = directory.require_owner()
    owner.require_served(dataset)
    with (
        ledger_required(),
        closing(open_ledger(directory.ledger, create=False)) as ledger,
        closing(RequestBox(ledger)) as box,
        box.leave_attended(dataset, kind, payload) as request,
    ):
        try:
            return box.wait(
                request, timeout_s=timeout_s, owner_alive=lambda: not withdrawn() and directory.owner() == owner
            )
        except KeyboardInterrupt:
            raise Interrupted.after(box.take_back(request, "it was interrupted")) from None
