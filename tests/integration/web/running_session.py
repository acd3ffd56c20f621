"""A real session with a few files, and its HTTP."""

from __future__ import annotations

import httpx

from tests.integration.live_feed import LiveFeed


class Session:
    """A session with two good files and a refused one, and how to ask it."""

    def __init__(self, living: LiveFeed, url: str) -> None:
        self.living = living
        self.url = url

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, trust_env=False, timeout=20)

    @property
    def channel(self) -> str:
        return self.url.replace("http", "ws") + "/live"
