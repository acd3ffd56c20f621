"""The Prefect server that `up` starts, as uvicorn gets it: it answers to its own names alone."""

from __future__ import annotations

import sys

import uvicorn
from prefect.server.api.server import create_app as create_prefect_app
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

NAMES = ("127.0.0.1", "localhost")


def create_app() -> ASGIApp:
    """Prefect's app, which looks at no Host header itself: a page of another site whose name has been made to lead
    here (DNS rebinding) would be of the same origin as Prefect's own pages."""
    return TrustedHostMiddleware(create_prefect_app(), allowed_hosts=NAMES, www_redirect=False)


def main() -> None:
    """Serve it on the socket of this descriptor, as `prefect server start` would, which takes no socket of ours.

    Uvicorn's own command would import a `flows/` that lies in the working directory in the place of ours.
    """
    uvicorn.run(
        create_app,
        factory=True,
        fd=int(sys.argv[1]),
        timeout_keep_alive=5,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
