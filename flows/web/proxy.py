"""The reverse proxies that are named: what they say of a request counts, and what anybody else says of it does not."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from flows.errors import DeclarationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PROXIED = "cubefeed.proxied"
"""In the scope of a request that has come from a named proxy."""


@dataclass(frozen=True)
class Proxies:
    """The reverse proxies in front of the live page, by their addresses."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def named(cls, text: str) -> Proxies:
        """Those of a setting: comma-separated addresses, or networks such as `10.0.0.0/8`.

        Raises:
            DeclarationError: one is neither.
        """
        return cls(tuple(_network(each.strip()) for each in text.split(",") if each.strip()))

    def include(self, address: str | None) -> bool:
        """Whether one of them is at an address."""
        if not self.networks or address is None:
            return False
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


class ForwardedHeaders:
    """Puts a request that a named proxy hands on as its sender made it, as ASGI middleware.

    Its `client`, `scheme` and Host are then those of the browser (X-Forwarded-For, -Proto and -Host).
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._proxies = proxies
        trusted = [str(network) for network in proxies.networks]
        self._app: ASGIApp = ProxyHeadersMiddleware(app, trusted) if trusted else app  # type: ignore[arg-type, assignment]  # uvicorn has types of its own for the same

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None and self._proxies.include(client[0]):
            scope[PROXIED] = True
            hosts = Headers(scope=scope).getlist("x-forwarded-host")
            if hosts:
                MutableHeaders(scope=scope)["host"] = hosts[-1].rpartition(",")[2].strip()
        await self._app(scope, receive, send)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise DeclarationError(
            "CUBEFEED_PROXY cannot be used",
            next_step="set it to the proxy's addresses, such as 127.0.0.1,10.0.0.0/8",
            got=text,
        ) from None
