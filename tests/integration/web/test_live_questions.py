"""Questions to the read API: they take no more than they may, end when who asked leaves, and hold up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import polars as pl
import pytest
from starlette.applications import Starlette

from flows.cube.bounds import Bounds
from flows.errors import EngineLost
from flows.model.query import Query
from flows.model.tables import Column, Table
from flows.model.types import INTEGER
from flows.web import worker_pool
from flows.web.api import AT_ONCE, Api
from flows.web.server import LiveServer
from tests.sound_source import SoundSource

TABLE = Table("t", (Column("Key", INTEGER), Column("N", INTEGER)), ("Key",))
ASK = "/api/query?measure=N.SUM&by=Key"


class Slow(SoundSource):
    """A cube of which every question takes until it is over, or until all are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []
        self.let_go = threading.Event()
        self.lock = threading.Lock()

    def model(self) -> tuple[Table, ...]:
        return (TABLE,)

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        assert bounds is not None
        with self.lock:
            self.begun += 1
        interrupted = threading.Event()
        with bounds.interrupting(interrupted.set):
            while not (interrupted.is_set() or self.let_go.is_set()):
                interrupted.wait(0.01)
        if interrupted.is_set():
            self.ended.append(type(bounds.ended()).__name__)
            raise bounds.ended()
        return pl.DataFrame({"Key": [1], "N.SUM": [2]})

    def state_mark(self) -> str | None:
        return None

    def complaints(self) -> list[str]:
        return []

    def status(self) -> dict[str, Any]:
        return {"datasets": {}}


@pytest.fixture
def slow() -> Iterator[tuple[Slow, LiveServer]]:
    source = Slow()
    api = Api(source, fail=lambda *_: None)  # type: ignore[arg-type]
    server = served(api)
    server.start()
    try:
        yield source, server
    finally:
        source.let_go.set()
        server.stop()


def served(api: Api) -> LiveServer:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        api.close()

    return LiveServer(Starlette(routes=api.routes, lifespan=lifespan), host="127.0.0.1", port=0)


async def until(look: Any) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    while not look():
        assert asyncio.get_running_loop().time() < deadline, look
        await asyncio.sleep(0.01)


async def test_questions_end_when_those_who_asked_leave_and_those_that_waited_never_begin(
    slow: tuple[Slow, LiveServer],
) -> None:
    source, server = slow
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
        questions = [asyncio.create_task(client.get(ASK)) for _ in range(40)]
        await until(lambda: source.begun == AT_ONCE)
        for task in questions:
            task.cancel()
        await until(lambda: len(source.ended) >= AT_ONCE)
        assert set(source.ended) == {"NobodyWaits"} and source.begun < len(questions) / 2
        source.let_go.set()
        assert (await client.get(ASK)).json()["rows"] == [{"Key": 1, "N.SUM": 2}]


async def test_health_and_lists_wait_for_no_question(slow: tuple[Slow, LiveServer]) -> None:
    source, server = slow
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as client:
        questions = [asyncio.create_task(client.get(ASK)) for _ in range(AT_ONCE + 4)]
        await until(lambda: source.begun == AT_ONCE)
        for path in ("/health", "/api/status", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        assert source.begun == AT_ONCE and not any(task.done() for task in questions)
        source.let_go.set()
        assert {answer.status_code for answer in await asyncio.gather(*questions)} == {200}


async def test_so_many_questions_may_wait_and_one_more_is_refused_at_once(
    slow: tuple[Slow, LiveServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, server = slow
    assert worker_pool.WAITING + AT_ONCE > 60
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60, limits=limits) as client:
        questions = [asyncio.create_task(client.get(ASK)) for _ in range(AT_ONCE + worker_pool.WAITING + 1)]
        await asyncio.wait(questions, return_when=asyncio.FIRST_COMPLETED)
        [refused] = [task for task in questions if task.done()]
        answer = refused.result()
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert answer.json()["most"] == AT_ONCE + worker_pool.WAITING
        source.let_go.set()
        assert sorted(answer.status_code for answer in await asyncio.gather(*questions)) == [200] * (
            len(questions) - 1
        ) + [503]


async def test_an_engine_that_is_lost_ends_the_session_though_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[BaseException] = []
    source = Slow()

    def lose(query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        source.begun += 1
        source.let_go.wait(20)
        raise EngineLost("The engine has failed", next_step="start again")

    monkeypatch.setattr(source, "query", lose)
    api = Api(source, fail=lambda _, error: failed.append(error))  # type: ignore[arg-type]
    server = served(api)
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as client:
            questions = asyncio.create_task(client.get(ASK))
            await until(lambda: source.begun == 1)
            questions.cancel()
            source.let_go.set()
            await until(lambda: failed)
    finally:
        server.stop()
    assert "The engine has failed" in str(failed[0])
