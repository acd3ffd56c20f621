"""Who may read: names, origins, and the token beyond loopback."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.errors import StateError
from flows.live.guard import TOKEN, Access, Guard

SECRET = "a-long-random-text"
CHANNEL = "ws://192.0.2.7:8080/live"


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def _channel(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def client(host: str, at: str) -> TestClient:
    app = Starlette(routes=[Route("/", _hello), Route("/api/status", _hello), WebSocketRoute("/live", _channel)])
    return TestClient(Guard(app, Access.at(host)), base_url=f"http://{at}", follow_redirects=False)


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv(TOKEN, SECRET)
    return client("0.0.0.0", "192.0.2.7:8080")


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:8765", "[::1]:80", "LOCALHOST", "127.0.0.1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert client("127.0.0.1", "127.0.0.1").get("/", headers={"Host": host}).text == "hello"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "192.0.2.7", "[::2]"]
)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    assert client("127.0.0.1", "127.0.0.1").get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "cube.example"])
def test_nothing_is_bound_beyond_loopback_without_a_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    with pytest.raises(StateError, match=TOKEN):
        Access.at(host)


def test_a_name_that_points_here_for_a_moment_is_refused_beyond_loopback_too(guarded: TestClient) -> None:
    headers = {"Host": "rebound.example", "Authorization": "Bearer x"}
    assert guarded.get("/", headers=headers).status_code == 400


def test_the_token_is_needed_and_taken_as_a_bearer(guarded: TestClient) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {SECRET}"},
        {"Cookie": "cubefeed=x"},
    ):
        answer = guarded.get("/api/status", headers=headers)
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert guarded.get("/api/status", headers={"Authorization": f"Bearer {SECRET}"}).text == "hello"


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: TestClient) -> None:
    assert guarded.get("/", params={"token": "wrong"}).status_code == 401
    answer = guarded.get("/", params={"token": SECRET, "x": "1"})
    assert answer.status_code == 303 and answer.headers["location"] == "/?x=1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and SECRET not in cookie
    assert guarded.get("/api/status").text == "hello"
    with guarded.websocket_connect(CHANNEL) as channel:
        assert channel.receive_text() == "hello"


def test_who_comes_by_a_link_and_has_no_cookie_yet_is_told_to_ask_again_but_once(guarded: TestClient) -> None:
    for path in ("/", "/reports/sales/2021-05-01.html"):
        first = guarded.get(path, headers={"Accept": "text/html,*/*"})
        assert first.status_code == 401 and "url=?again" in first.text and "hello" not in first.text
        again = guarded.get(f"{path}?again", headers={"Accept": "text/html,*/*"})
        assert again.status_code == 401 and "token" in again.json()["error"]
    assert "token" in guarded.get("/", params={"token": "wrong"}, headers={"Accept": "text/html"}).json()["error"]


def test_the_channel_needs_the_token_too(guarded: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, guarded.websocket_connect(CHANNEL):
        pass
    assert refused.value.code == 1008


def test_another_origin_is_refused_even_with_the_cookie(guarded: TestClient) -> None:
    guarded.get("/", params={"token": SECRET})
    for origin in ("http://evil.example", "null", "http://192.0.2.7:9090"):
        assert guarded.get("/api/status", headers={"Origin": origin}).status_code == 403
    assert guarded.get("/api/status", headers={"Origin": "http://192.0.2.7:8080"}).text == "hello"
