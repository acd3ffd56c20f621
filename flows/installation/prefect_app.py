"""The Prefect server that `up` starts, as uvicorn gets it: it answers to its own names alone."""

from __future__ import annotations

from prefect.server.api.server import create_app as create_prefect_app
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

NAMES = ("127.0.0.1", "localhost")


def create_app() -> ASGIApp:
    """Prefect's app, which looks at no Host header itself: a page of another site whose name has been made to lead
    here (DNS rebinding) would be of the same origin as Prefect's own pages."""
    return TrustedHostMiddleware(create_prefect_app(), allowed_hosts=NAMES, www_redirect=False)
