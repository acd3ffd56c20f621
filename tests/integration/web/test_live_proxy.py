"""A reverse proxy that is named is believed, and nobody else is."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from flows.errors import DeclarationError
from flows.web.proxy import ForwardedHeaders, Proxies

FORWARDED = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "cube.example"}


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    host = request.headers["host"]
    answer = JSONResponse({"from": request.client and request.client.host, "by": scope["scheme"], "at": host})
    await answer(scope, receive, send)


def ask(named: str, *, peer: str, **headers: str) -> dict[str, str]:
    client = TestClient(ForwardedHeaders(_echo, Proxies.named(named)), base_url="http://127.0.0.1", client=(peer, 1))
    return dict(client.get("/", headers=FORWARDED | headers).json())


@pytest.mark.parametrize("named", ["192.0.2.1", "192.0.2.0/24", "::1, 192.0.2.1"])
def test_what_a_named_proxy_says_of_a_request_counts(named: str) -> None:
    assert ask(named, peer="192.0.2.1") == {"from": "198.51.100.7", "by": "https", "at": "cube.example"}


@pytest.mark.parametrize(("named", "peer"), [("", "127.0.0.1"), ("192.0.2.1", "127.0.0.1"), ("::1", "::2")])
def test_what_anybody_else_says_does_not(named: str, peer: str) -> None:
    assert ask(named, peer=peer) == {"from": peer, "by": "http", "at": "127.0.0.1"}


def test_a_chain_counts_from_its_end_since_its_beginning_can_be_made_up() -> None:
    chain = {
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7, 192.0.2.1",
        "X-Forwarded-Host": "evil.example, cube.example",
    }
    assert ask("192.0.2.1", peer="192.0.2.1", **chain) == {"from": "198.51.100.7", "by": "https", "at": "cube.example"}


@pytest.mark.parametrize("text", ["*", "proxy.example", "192.0.2.1/24", "127.0.0.1 ::1"])
def test_a_proxy_is_named_by_its_address_alone(text: str) -> None:
    with pytest.raises(DeclarationError, match="CUBEFEED_PROXY"):
        Proxies.named(text)
