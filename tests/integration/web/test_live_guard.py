"""Who may read: names, origins, the token, and the cookie for it."""

from __future__ import annotations

import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.errors import StateError
from flows.web import cookies as cookie_room
from flows.web import throttle
from flows.web.auth import Access, Guard
from flows.web.headers import SECURE_HEADERS, SecureHeaders
from flows.web.proxy import ForwardedHeaders, Proxies
from flows.web.token import LEAST_DIFFERENT, LEAST_LETTERS, TOKEN, make_token

SECRET = make_token()
CHANNEL = "ws://192.0.2.7:8080/live"


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def _channel(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def client(host: str, at: str, *, installation: str = "one", proxy: str = "", peer: str = "198.51.100.1") -> TestClient:
    app = Starlette(routes=[Route("/", _hello), Route("/api/status", _hello), WebSocketRoute("/live", _channel)])
    proxies = Proxies.named(proxy)
    access = Access.at(host, behind_proxy=bool(proxy), installation=installation)
    guarded = SecureHeaders(ForwardedHeaders(Guard(app, access), proxies))
    return TestClient(guarded, base_url=f"http://{at}", follow_redirects=False, client=(peer, 5000))


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.setattr(throttle, "HELD_S", 0.01)


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv(TOKEN, SECRET)
    return client("0.0.0.0", "192.0.2.7:8080")


def signed_in(browser: TestClient) -> tuple[str, str]:
    """Where the page lies for a browser that has shown the token, and its cookie as it was set."""
    answer = browser.get("/", params={"token": SECRET})
    assert answer.status_code == 303
    return answer.headers["location"], answer.headers["set-cookie"]


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:8765", "[::1]:80", "LOCALHOST", "127.0.0.1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert client("127.0.0.1", "127.0.0.1").get("/", headers={"Host": host}).text == "hello"


def test_a_token_that_is_set_counts_on_loopback_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    local = client("127.0.0.1", "127.0.0.1", peer="127.0.0.1")
    assert local.get("/").status_code == 401
    assert local.get("/", headers={"Authorization": f"Bearer {SECRET}"}).text == "hello"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "192.0.2.7", "[::2]"]
)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    assert client("127.0.0.1", "127.0.0.1").get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "cube.example"])
def test_nothing_is_bound_beyond_loopback_without_a_token(host: str) -> None:
    with pytest.raises(StateError, match="cubefeed token"):
        Access.at(host)


def test_nothing_is_put_behind_a_proxy_without_a_token() -> None:
    with pytest.raises(StateError, match="cubefeed token"):
        Access.at("127.0.0.1", behind_proxy=True)


ENOUGH = "0123456789abcdef" * (LEAST_LETTERS // 16)
VARIED = "01234567" * (LEAST_LETTERS // LEAST_DIFFERENT)


@pytest.mark.parametrize(
    "token", [ENOUGH, VARIED, make_token(), "a-b.c_d~" * 4], ids=["enough", "varied", "made", "signs"]
)
def test_a_token_of_128_bits_is_taken(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, token)
    assert client("0.0.0.0", "192.0.2.7").get("/", headers={"Authorization": f"Bearer {token}"}).text == "hello"


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "a",
        ENOUGH[:-1],
        VARIED.replace("7", "0"),
        "a" * 64,
        f"{ENOUGH} ",
        f"{ENOUGH}é",
        f"{ENOUGH}+",
        f"{ENOUGH}\n",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_one_that_can_be_guessed_is_refused_at_the_start_and_not_repeated(
    token: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(StateError, match="cubefeed token") as refused:
        Access.at(host)
    assert len(token.strip()) < 2 or token.strip() not in str(refused.value)


def test_a_name_that_points_here_for_a_moment_is_refused_beyond_loopback_too(guarded: TestClient) -> None:
    headers = {"Host": "rebound.example", "Authorization": "Bearer x"}
    assert guarded.get("/", headers=headers).status_code == 400


def test_the_token_is_needed_and_taken_as_a_bearer(guarded: TestClient) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer é".encode("latin-1").decode("latin-1")},
        {"Authorization": f"Basic {SECRET}"},
        {"Cookie": "cubefeed=x"},
    ):
        answer = guarded.get(
            "/api/status", headers={name.encode(): value.encode("latin-1") for name, value in headers.items()}
        )
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert guarded.get("/api/status", headers={"Authorization": f"Bearer {SECRET}"}).text == "hello"


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: TestClient) -> None:
    assert guarded.get("/", params={"token": "wrong"}).status_code == 401
    answer = guarded.get("/", params={"token": SECRET, "x": "1"})
    path, _, rest = answer.headers["location"].partition("?")
    assert answer.status_code == 303 and rest == "x=1" and SECRET not in path
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", f"Path={path}", "Max-Age=604800"} <= set(cookie.split("; "))
    assert SECRET not in cookie and "Secure" not in cookie and "Domain" not in cookie
    assert guarded.get(f"{path}api/status").text == "hello" and guarded.get(path).text == "hello"
    with guarded.websocket_connect(f"ws://192.0.2.7:8080{path}live") as channel:
        assert channel.receive_text() == "hello"


def test_the_page_that_asks_for_the_token_gets_the_cookie_for_it(guarded: TestClient) -> None:
    assert guarded.get("/sign-in").status_code == 401
    assert "set-cookie" not in guarded.get("/sign-in", headers={"Authorization": "Bearer wrong"}).headers
    answer = guarded.get("/sign-in", headers={"Authorization": f"Bearer {SECRET}"})
    assert guarded.get(f"{answer.json()['path']}api/status").text == "hello"


def test_the_cookie_is_not_sent_to_and_counts_nowhere_but_on_its_own_path(guarded: TestClient) -> None:
    path, cookie = signed_in(guarded)
    shown = {"Cookie": cookie.partition(";")[0]}
    guarded.cookies.clear()
    for other in ("/", "/api/status", f"/x{path}api/status", path.upper(), path[:-2] + "/"):
        assert guarded.get(other, headers=shown).status_code == 401, other
    assert guarded.get(f"{path}api/status", headers=shown).text == "hello"


def test_two_installations_on_one_host_have_cookies_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    one, two = (client("0.0.0.0", "192.0.2.7", installation=name) for name in ("one", "two"))
    path, cookie = signed_in(one)
    other_path, other_cookie = signed_in(two)
    assert path != other_path and cookie.partition("=")[0] != other_cookie.partition("=")[0]
    name, value = other_cookie.partition("=")[0], cookie.partition(";")[0].partition("=")[2]
    two.cookies.clear()
    assert two.get(f"{other_path}api/status", headers={"Cookie": f"{name}={value}"}).status_code == 401


def test_a_cookie_is_gone_when_the_token_changes(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cookie = signed_in(guarded)
    monkeypatch.setenv(TOKEN, make_token())
    later = client("0.0.0.0", "192.0.2.7:8080")
    assert later.get(f"{path}api/status", headers={"Cookie": cookie.partition(";")[0]}).status_code == 401


def test_a_cookie_ends_where_it_says_whatever_the_browser_does(
    guarded: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    path, cookie = signed_in(guarded)
    name, _, value = cookie.partition(";")[0].partition("=")
    guarded.cookies.clear()

    def status_with(value: str, now: float) -> int:
        monkeypatch.setattr(time, "time", lambda: now)
        return guarded.get(f"{path}api/status", headers={"Cookie": f"{name}={value}"}).status_code

    ends = 1_000_000 + cookie_room.AGE_S
    assert status_with(value, ends - 1) == 200 and status_with(value, ends) == 401
    longer = f"{ends + 1}.{value.partition('.')[2]}"
    for made_up in (longer, "", ".", f"{10**13}.x", f"-1.{value}", value[:-1], f"{ends}"):
        assert status_with(made_up, ends) == 401


def test_the_cookie_goes_through_https_alone_where_a_named_proxy_says_that_this_is_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cube.example"}
    believed = client("127.0.0.1", "127.0.0.1", proxy="192.0.2.1", peer="192.0.2.1")
    answer = believed.get("/", params={"token": SECRET}, headers=forwarded)
    assert "Secure" in answer.headers["set-cookie"].split("; ")
    other = client("127.0.0.1", "127.0.0.1", proxy="192.0.2.1", peer="192.0.2.2")
    assert "Secure" not in other.get("/", params={"token": SECRET}, headers=forwarded).headers["set-cookie"]
    assert other.get("/", headers={"Host": "cube.example"}).status_code == 400


def test_origins_are_compared_with_the_name_that_the_browser_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    believed = client("127.0.0.1", "127.0.0.1:8080", proxy="192.0.2.1", peer="192.0.2.1")
    headers = {"Authorization": f"Bearer {SECRET}", "X-Forwarded-Host": "cube.example"}
    assert believed.get("/", headers={**headers, "Origin": "https://cube.example"}).text == "hello"
    assert believed.get("/", headers={**headers, "Origin": "http://127.0.0.1:8080"}).status_code == 403


def test_a_browser_that_is_not_known_gets_a_page_that_asks_for_the_token(guarded: TestClient) -> None:
    for path in ("/", "/reports/sales/2021-05-01.html", "/?token=wrong", "/AAAAAAAAAAAAAAAAAAAAAA/"):
        answer = guarded.get(path, headers={"Accept": "text/html,*/*"})
        assert answer.status_code == 401 and 'type="password"' in answer.text and "hello" not in answer.text


def test_the_channel_needs_the_token_too(guarded: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, guarded.websocket_connect(CHANNEL):
        pass
    assert refused.value.code == 1008


def test_another_origin_is_refused_even_with_the_cookie(guarded: TestClient) -> None:
    path, _ = signed_in(guarded)
    for origin in ("http://evil.example", "null", "http://192.0.2.7:9090"):
        assert guarded.get(f"{path}api/status", headers={"Origin": origin}).status_code == 403
    assert guarded.get(f"{path}api/status", headers={"Origin": "http://192.0.2.7:8080"}).text == "hello"


def test_every_answer_has_the_headers_whatever_it_is(guarded: TestClient) -> None:
    path, _ = signed_in(guarded)
    answers = [
        guarded.get(path),
        guarded.get(f"{path}none"),
        guarded.post(path),
        guarded.get("/"),
        guarded.get("/", headers={"Accept": "text/html"}),
        guarded.get("/", headers={"Host": "evil.example"}),
        guarded.get("/", params={"token": SECRET}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 401, 401, 400, 303]
    for answer in answers:
        assert set(map(str.lower, SECURE_HEADERS)) <= set(answer.headers)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
