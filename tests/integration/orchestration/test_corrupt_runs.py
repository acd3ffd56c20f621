"""Runs that Prefect cannot read are told from a server that is unwell, on answers as it gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient

from flows.orchestration.corrupt_runs import end_corrupt_runs

RUNS = [uuid4() for _ in range(9)]


class Answers:
    """Prefect's answers about runs, by HTTP; what is asked of it is kept."""

    def __init__(self, fails: Callable[[list[str], int], bool]) -> None:
        self.fails = fails
        self.tries = 0
        self.changed: list[tuple[str, str]] = []
        self.mended: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        body = json.loads(request.content or b"{}")
        match path:
            case "/csrf-token":
                token = {"token": "a", "client": request.url.params["client"], "expiration": "2999-01-01T00:00:00Z"}
                return httpx.Response(200, json=token)
            case "/ui/flow_runs/history":
                found = [{"id": str(run)} for run in RUNS[body["offset"] :]]
                return httpx.Response(200, json=found)
            case "/flow_runs/filter":
                self.tries += 1
                ids = body["flow_runs"]["id"]["any_"]
                failing = self.fails([id for id in ids if id not in self.mended], self.tries)
                return httpx.Response(500, json={}) if failing else httpx.Response(200, json=[])
            case _:
                self.changed.append((request.method, path))
                if path.endswith("set_state"):
                    self.mended.add(path.split("/")[2])
                    return httpx.Response(
                        201, json={"status": "ACCEPT", "details": {"type": "accept_details"}, "state": None}
                    )
                return httpx.Response(204)

    async def end(self) -> list[str]:
        """What is ended."""
        client = PrefectClient("http://127.0.0.1:9/api", httpx_settings={"transport": httpx.MockTransport(self)})
        async with client:
            return await end_corrupt_runs(client, [uuid4()])


@pytest.mark.parametrize("bad", [{0}, {8}, {3, 4}, set(range(9))])
async def test_the_unreadable_ones_are_found_and_no_others(bad: set[int]) -> None:
    unreadable = {str(RUNS[each]) for each in bad}
    server = Answers(lambda ids, _: bool(unreadable & set(ids)))
    ended = await server.end()
    assert len(ended) == len(bad) and all("has failed now" in sentence for sentence in ended)
    assert {UUID(path.split("/")[2]) for _, path in server.changed} == {RUNS[each] for each in bad}


async def test_a_server_that_fails_for_everything_ends_nothing() -> None:
    server = Answers(lambda _ids, _tries: True)
    assert await server.end() == [] and not server.changed


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5])
async def test_a_server_that_fails_for_a_while_ends_nothing(failing: int) -> None:
    server = Answers(lambda _ids, tries: tries <= failing)
    assert await server.end() == [] and not server.changed


async def test_where_all_is_well_it_is_one_question() -> None:
    server = Answers(lambda _ids, _tries: False)
    assert await server.end() == [] and server.tries == 1
