"""Who may read: checks Host, Origin and the token, before anything else sees a request."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.errors import StateError
from flows.web.answers import refuse, reply
from flows.web.connections import is_loopback
from flows.web.cookies import Cookies
from flows.web.proxy import PROXIED
from flows.web.sign_in import sign_in_page
from flows.web.throttle import TokenThrottle
from flows.web.token import NEXT, TOKEN, token_here

SIGN_IN = "/sign-in"
"""Where the page that asks for the token shows it, as a bearer, and gets the cookie."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Access:
    """Who may read what is bound to an address.

    Args:
        hosts: names that a request may call this server.
        any_address: whether it may be called by any address. A page from elsewhere that has its own name point
            here (DNS rebinding) still calls it by that name.
        cookies: what readers have to show, where it is not the token itself; None where there is no token.
    """

    hosts: frozenset[str] = _LOOPBACK
    any_address: bool = False
    cookies: Cookies | None = None

    @classmethod
    def at(cls, host: str, *, behind_proxy: bool = False, installation: str = "") -> Access:
        """Who may read at `host`.

        Raises:
            StateError: it is reached from beyond this computer, and no token is set; or it is one that can be guessed.
        """
        token = token_here()
        if token is None and (behind_proxy or not is_loopback(host)):
            raise StateError(
                "The live page would be readable by others without a token",
                next_step=f"{NEXT}, or {'unset CUBEFEED_PROXY' if behind_proxy else 'set CUBEFEED_HOST to 127.0.0.1'}",
                host=host,
            )
        cookies = Cookies(token, installation) if token is not None else None
        if is_loopback(host):
            return cls(_LOOPBACK | {host}, cookies=cookies)
        return cls(_LOOPBACK | {host, socket.gethostname().lower()}, any_address=True, cookies=cookies)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name = _name(host)
        return name in self.hosts or (self.any_address and _is_address(name))


@dataclass
class _Credential:
    """What a request shows of who sends it.

    Args:
        is_right: whether that is the token, or a cookie for it.
        by_cookie: whether it is a cookie.
        signs_in: whether it asks for one.
    """

    is_right: bool
    by_cookie: bool = False
    signs_in: bool = False


@dataclass
class Guard:
    """Lets through what may read, as ASGI middleware: requests and websocket upgrades alike."""

    app: ASGIApp
    access: Access
    _throttle: TokenThrottle = field(default_factory=TokenThrottle)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        answer = _refusal(scope, self.access)
        if answer is None and self.access.cookies is not None:
            answer, receive = await self._check(scope, receive, self.access.cookies)
        elif answer is None and _has_token_in_address(scope):
            answer = _redirect(scope, "/")
        if answer is not None and scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})  # uvicorn logs a line for any other answer
        return await (answer or self.app)(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, cookies: Cookies) -> tuple[Response | None, Receive]:
        """The answer to who shows no right token, or signs in; None where the request goes on."""
        inside = cookies.inside(scope["path"])
        if inside is not None:
            scope["path"] = inside
            scope.pop("raw_path", None)
        credential = _credential(scope, cookies, inside=inside is not None)
        if credential is None:
            return _unauthorized(scope), receive
        if not credential.is_right:
            self._throttle.record(scope)
        too_many = self._throttle.is_throttled(scope)
        if too_many and not (credential.is_right and credential.by_cookie):
            receive = await self._throttle.delay(scope, receive)
        if not credential.is_right:
            return _unauthorized(scope, ends=too_many), receive
        return (_sign_in(scope, cookies) if credential.signs_in else None), receive


def _refusal(scope: Scope, access: Access) -> Response | None:
    """The answer to who calls this server by another name, or asks for another site."""
    headers = Headers(scope=scope)
    host, origin = headers.get("host", ""), headers.get("origin")
    known = bool(host) if scope.get(PROXIED) else access.knows(host)
    if len(headers.getlist("host")) != 1 or not known:
        return refuse(StateError("This server does not go by that name", next_step="use its address"), 400)
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        return refuse(StateError("Other sites may not read this", next_step="open it by itself"), 403)
    return None


def _credential(scope: Scope, cookies: Cookies, *, inside: bool) -> _Credential | None:
    """What a request shows: a bearer, `/?token=…`, or the cookie, which counts on its own path alone."""
    headers = Headers(scope=scope)
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _Credential(_same(bearer, cookies.token), signs_in=scope["path"] == SIGN_IN)
    if _has_token_in_address(scope):
        return _Credential(_same(_query(scope)["token"], cookies.token), signs_in=True)
    cookie = cookies.value(headers.get("cookie", "")) if inside else None
    return _Credential(cookies.is_right(cookie), by_cookie=True) if cookie is not None else None


def _sign_in(scope: Scope, cookies: Cookies) -> Response:
    """The cookie, and where it holds; the token leaves the address."""
    answer = reply({"path": cookies.path}) if scope["path"] == SIGN_IN else _redirect(scope, cookies.path)
    cookies.give(answer, secure=scope["scheme"] == "https")
    return answer


def _has_token_in_address(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"] == "/" and "token" in _query(scope)


def _redirect(scope: Scope, path: str) -> Response:
    """To the same address without the token."""
    rest = urlencode([(name, value) for name, value in _query(scope).multi_items() if name != "token"])
    return RedirectResponse(f"{path}?{rest}" if rest else path, 303, {"Cache-Control": "no-store"})


def _unauthorized(scope: Scope, *, ends: bool = False) -> Response:
    """The answer to who has to show the token: a page that asks for it, where a page was asked for.

    Args:
        scope: what was asked.
        ends: whether the next one needs a connection of its own.
    """
    if scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", ""):
        answer = sign_in_page()
    else:
        step = f"send it as a bearer, or set {TOKEN} for the commands; in a browser, open the page and give it there"
        answer = refuse(StateError("Not without the token", next_step=step), 401)
    answer.headers["WWW-Authenticate"] = "Bearer"
    if ends:
        answer.headers["Connection"] = "close"
    return answer


def _query(scope: Scope) -> QueryParams:
    return QueryParams(scope.get("query_string", b""))


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
