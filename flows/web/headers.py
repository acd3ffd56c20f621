"""The headers of every answer: the browser loads nothing from elsewhere, and shows it in no frame."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "Content-Security-Policy"
_ALWAYS = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def policy(**allowed: str) -> str:
    """A Content-Security-Policy that allows nothing but this: `script_src="'self'"`."""
    every = _ALWAYS | {name.replace("_", "-"): value for name, value in allowed.items()}
    return "; ".join(f"{name} {value}" for name, value in every.items())


def hashed(text: str) -> str:
    """The source of a policy that allows an inline script or style of exactly this text."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def in_page(policy: str) -> str:
    """A policy for a page's own head, where it cannot say who may frame it."""
    return policy.replace(f"; frame-ancestors {_ALWAYS['frame-ancestors']}", "")


SECURE_HEADERS = {
    POLICY: policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecureHeaders:
    """Puts them on every answer that does not say otherwise, as ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_headed)
