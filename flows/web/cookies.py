"""The cookie by which a browser is known once it has shown the token.

A browser sends a cookie to every port of a host. So this one holds for one path alone, which nobody can guess, and
which is known to pages of this address only (their storage is by port): another program on the host can have a
browser call it, but not by that path, and is not sent the cookie.
https://www.rfc-editor.org/rfc/rfc6265#section-8.5
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from starlette.requests import cookie_parser
from starlette.responses import Response

AGE_S = 7 * 24 * 3600
"""How long a browser is known: a page that is always open asks for the token once a week."""
_PATH_BYTES = 16


@dataclass(frozen=True)
class Cookies:
    """The cookies of one installation, as long as it has this token.

    Args:
        token: what signs them.
        installation: what tells it from others on the same host.
    """

    token: str
    installation: str

    @property
    def name(self) -> str:
        """Its own, so that another installation on the host does not replace it."""
        return f"cubefeed-{self._sign('name').hex()[:12]}"

    @property
    def path(self) -> str:
        """Where the page lies for browsers that have the cookie: `/…/`."""
        return f"/{urlsafe_b64encode(self._sign('path')[:_PATH_BYTES]).decode().rstrip('=')}/"

    def give(self, answer: Response, *, secure: bool) -> None:
        """Set one with an answer."""
        ends = int(time.time()) + AGE_S
        answer.set_cookie(
            self.name,
            f"{ends}.{self._signature(ends)}",
            max_age=AGE_S,
            path=self.path,
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def inside(self, path: str) -> str | None:
        """What of a path follows that of the cookie, `/` at least; None where it is another path."""
        size = len(self.path)
        given = path[:size].encode()
        return path[size - 1 :] if hmac.compare_digest(given, self.path.encode()) else None

    def value(self, header: str) -> str | None:
        """The cookie in a Cookie header."""
        return cookie_parser(header).get(self.name)

    def is_right(self, cookie: str) -> bool:
        """Whether it was given here, with this token, and is not over."""
        ends, _, signature = cookie.partition(".")
        if not re.fullmatch(r"[0-9]{1,12}", ends):
            return False
        right = self._signature(int(ends))
        return hmac.compare_digest(signature.encode(), right.encode()) and time.time() < int(ends)

    def _signature(self, ends: int) -> str:
        return self._sign(f"cookie {ends}").hex()

    def _sign(self, what: str) -> bytes:
        return hmac.digest(self.token.encode(), f"{self.installation} {what}".encode(), "sha256")
