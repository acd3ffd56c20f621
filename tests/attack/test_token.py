"""Somebody who reaches the page's port and does not know the token."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from flows.web.token import TOKEN, make_token
from tests.attack.system import System, as_stranger, attacked
from tests.e2e.browser import CHROMIUM, numbers, wait
from tests.e2e.program import Place, watching
from tests.waiting import until

pytestmark = pytest.mark.slow

SECRET = make_token()
GUESS_S = 3.0
GUESSERS = 100


@pytest.fixture(scope="module")
def guarded() -> Iterator[System]:
    """A session that asks for a token, and logs all that it can."""
    with attacked({TOKEN: SECRET, "CUBEFEED_LOG_LEVEL": "DEBUG"}) as running:
        yield running


async def _guess(url: str, until_s: float) -> int:
    """Guess without end. Returns how many answers there were."""
    answers = 0
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        while time.monotonic() < until_s:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get("/api/status", headers={"Authorization": f"Bearer {make_token()}"})
                assert answer.status_code == 401
                answers += 1
    return answers


async def _flood(url: str) -> int:
    return sum(await asyncio.gather(*(_guess(url, time.monotonic() + GUESS_S) for _ in range(GUESSERS))))


def test_guesses_are_slow_and_few_lines_and_keep_nobody_out_who_knows_the_token(guarded: System) -> None:
    answers: list[int] = []
    flood = threading.Thread(target=lambda: answers.append(asyncio.run(_flood(guarded.url))))
    flood.start()
    guarded.assert_still_loading()
    flood.join()
    assert 0 < answers[0] < 10 * GUESSERS
    lines = [line for line in guarded.running.output.splitlines() if "wrong token" in line]
    assert 0 < len(lines) < 10 and "127.0.0.1" in lines[0]
    guarded.assert_still_loading()


def test_another_user_of_the_computer_reads_nothing_without_the_token(guarded: System) -> None:
    guarded.assert_still_loading()
    code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read())"
    for path in (
        "",
        "api/query?measure=contributors.COUNT",
        "api/rows",
        "api/files",
        "metrics",
        "openapi.json",
        "health",
        "assets/page.js",
    ):
        done = as_stranger("/usr/bin/python3", "-c", code, f"{guarded.url}/{path}")
        assert done.stdout == "" and "401" in done.stderr
    guarded.assert_still_loading()


def test_the_token_is_in_no_log_no_file_and_no_command_line(guarded: System) -> None:
    assert httpx.get(guarded.url, params={"token": SECRET}, trust_env=False).status_code == 303
    with guarded.client() as client:
        assert client.get("/api/nothing", params={"token": SECRET}).status_code == 404
        assert client.get("/api/query", params={"token": SECRET}).status_code == 400
    raw = f"GET /?token={SECRET} HTTP/1.1\r\nHost: localhost\r\nbad header {SECRET}\r\n\r\n"
    host, _, port = guarded.url.removeprefix("http://").strip("/").rpartition(":")
    with socket.create_connection((host, int(port))) as opened:
        opened.sendall(raw.encode())
        assert SECRET.encode() not in opened.recv(10_000)
    guarded.place.json("status")
    written = [path for path in guarded.place.root.rglob("*") if path.is_file()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    assert len(written) > 5 and guarded.running.output.count("\n") > 5
    assert SECRET not in " ".join(guarded.owner_process.cmdline())
    guarded.assert_still_loading()


class _Thief(http.server.BaseHTTPRequestHandler):
    """What another program on the host is sent."""

    cookies: list[str]

    def do_GET(self) -> None:
        self.cookies.append(self.headers.get("cookie", ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"stolen")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def _thief() -> Iterator[tuple[str, list[str]]]:
    cookies: list[str] = []
    handler = type("Handler", (_Thief,), {"cookies": cookies})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", cookies
        server.shutdown()
        thread.join()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_another_port_of_the_host_is_not_sent_the_cookie_and_another_installation_leaves_it(
    guarded: System, browser: Browser, tmp_path: Path
) -> None:
    guarded.assert_still_loading()
    other = Place(tmp_path, environment={TOKEN: SECRET, "CUBEFEED_LANDING": str(tmp_path / "landing")})
    other.drop("a.csv", "ID,Date,Product,Quantity\n1,2021-05-01,x,41\n")
    with browser.new_context() as context, _thief() as (address, stolen), watching(other):
        page = context.new_page()
        page.goto(f"{guarded.url}/?token={SECRET}")
        wait(page, lambda: numbers(page))
        page.goto(f"{(other.root / 'ready').read_text().strip()}/?token={SECRET}")
        wait(page, lambda: "41" in numbers(page))
        assert len({cookie["name"] for cookie in context.cookies()}) == 2
        for path in ("", "api/status", "reports/", "assets/page.js"):
            page.goto(f"{address}{path}")
        assert stolen and set(stolen) == {""}
        page.goto(guarded.url)
        page.wait_for_url(lambda url: url.startswith(guarded.url) and not url.endswith(("?again", f"{guarded.url}/")))
        wait(page, lambda: numbers(page))
    other.assert_nothing_left()
    guarded.assert_still_loading()


@pytest.mark.deep  # the same is tested without processes in tests/integration/web/test_live_guard.py
def test_a_stolen_cookie_ends_with_the_token(tmp_path: Path) -> None:
    place = Place(tmp_path, environment={TOKEN: SECRET, "CUBEFEED_LANDING": str(tmp_path / "landing")})
    place.landing.mkdir()
    with watching(place), httpx.Client(trust_env=False) as client:
        url = (place.root / "ready").read_text().strip()
        path = client.get(url, params={"token": SECRET}).headers["location"]
        stolen = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
        assert httpx.get(f"{url}{path}api/status", headers=stolen, trust_env=False).status_code == 200
    place.environment[TOKEN] = make_token()
    with watching(place):
        url = (place.root / "ready").read_text().strip()
        assert httpx.get(f"{url}{path}api/status", headers=stolen, trust_env=False).status_code == 401
        place.drop("a.csv", "ID,Date,Product,Quantity\n1,2021-05-01,x,41\n")
        until(lambda: place.sales() == {"2021-05-01": 41}, what="the file is visible", patience_s=3.0)
    place.assert_nothing_left()
