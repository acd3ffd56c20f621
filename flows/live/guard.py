"""Who may read: checks Host, Origin and, beyond loopback, a token, before anything else sees a request."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.errors import StateError
from flows.live.api import refuse

TOKEN = "CUBEFEED_TOKEN"
COOKIE = "cubefeed"
_AGAIN = '<!doctype html><meta http-equiv="refresh" content="0;url=?again"><title>Cubefeed</title>'
"""A strict cookie is not sent where a link on another site leads here, as those of Prefect do. Asked for once more, now
by this page itself, it is; and who has none is told so then."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Access:
    """Who may read what is bound to an address.

    Args:
        hosts: names that a request may call this server.
        any_address: whether it may be called by any address. A page from elsewhere that has its own name point
            here (DNS rebinding) still calls it by that name.
        token: what readers have to know; None on loopback.
    """

    hosts: frozenset[str] = _LOOPBACK
    any_address: bool = False
    token: str | None = None

    @classmethod
    def at(cls, host: str) -> Access:
        """Who may read at `host`.

        Raises:
            StateError: it is reached from beyond this computer, and no token is set.
        """
        if is_loopback(host):
            return cls(_LOOPBACK | {host})
        token = os.environ.get(TOKEN)
        if not token or not token.isascii():
            raise StateError(
                "The live page would be readable by others without a token of plain letters",
                next_step=f"set {TOKEN} to a long random text, or CUBEFEED_HOST to 127.0.0.1",
                host=host,
            )
        return cls(_LOOPBACK | {host, socket.gethostname().lower()}, any_address=True, token=token)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name = _name(host)
        return name in self.hosts or (self.any_address and _is_address(name))

    def admits(self, headers: Headers) -> bool:
        """Whether a request shows the token, as a cookie or as a bearer."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given, self.token):
            return True
        return _same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), self.cookie)

    @property
    def cookie(self) -> str:
        """What the cookie holds: not the token, so that it is not lying about in browsers."""
        return hmac.new((self.token or "").encode(), b"cookie", hashlib.sha256).hexdigest()


class Guard:
    """Lets through what may read, as ASGI middleware: requests and websocket upgrades alike."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        return await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self._access.knows(host):
            return refuse(StateError("This server does not go by that name", next_step="use its address"), 400)
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return refuse(StateError("Other sites may not read this", next_step="open it by itself"), 403)
        return self._exchange(scope) or (None if self._access.admits(headers) else _unknown(scope))

    def _exchange(self, scope: Scope) -> Response | None:
        """`/?token=…` becomes a cookie, and the token leaves the address."""
        given = QueryParams(scope.get("query_string", b""))
        if scope["type"] != "http" or scope["path"] != "/" or "token" not in given:
            return None
        rest = urlencode([(name, value) for name, value in given.multi_items() if name != "token"])
        away = RedirectResponse(f"/?{rest}" if rest else "/", 303, {"Cache-Control": "no-store"})
        if self._access.token is not None:
            if not _same(given["token"], self._access.token):
                return _unknown(scope)
            away.set_cookie(COOKIE, self._access.cookie, httponly=True, samesite="strict")
        return away


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback


def _unknown(scope: Scope) -> Response:
    answer = refuse(StateError("Not without the token", next_step="open /?token=…, or send it as a bearer"), 401)
    page = scope["path"] == "/" or scope["path"].startswith("/reports/")
    asked = QueryParams(scope.get("query_string", b""))
    if page and not asked and "text/html" in Headers(scope=scope).get("accept", ""):
        answer = Response(_AGAIN, 401, {"Cache-Control": "no-store"}, "text/html")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


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
