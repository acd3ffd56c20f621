"""Looks at pages with Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.program import SAMPLES, Place

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
NUMBERS = "perspective-viewer-datagrid td"

BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the live page is not tested (apt install chromium)"),
]


@dataclass
class Traffic:
    """What a page asked for, and what went wrong in it."""

    urls: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note_violation(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.failures.append(text)


_TRAFFIC: WeakKeyDictionary[Page, Traffic] = WeakKeyDictionary()


def arguments(place: Place, port: int) -> tuple[object, ...]:
    return ("--dataset", "sales", "--landing", place.landing, "--port", port)


def opened(context: BrowserContext, port: int, *, rest: str = "", slower: int = 1) -> Page:
    """The page, with all that it asked for and all that went wrong in it, on a computer so many times slower."""
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    traffic = _TRAFFIC[page] = Traffic()
    page.on("request", lambda request: traffic.urls.append(request.url))
    page.on("pageerror", lambda error: traffic.failures.append(str(error)))
    page.on("console", lambda message: traffic.note_violation(message.text))
    page.goto(f"http://127.0.0.1:{port}/{rest}")
    return page


def numbers(page: Page) -> list[str]:
    return page.locator(NUMBERS).all_inner_texts()


def wait(page: Page, condition: Callable[[], object], *, patience_s: float = 60.0) -> float:
    """Wait, while the page's own messages are worked on. Returns the seconds that it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < patience_s, (numbers(page), page.locator("body").inner_text())
        page.wait_for_timeout(10)
    return time.monotonic() - begun


def state(page: Page) -> str:
    return page.locator("#connection").inner_text()


def failures(page: Page) -> list[str]:
    """What went wrong in the page, with what its policy forbade."""
    return _TRAFFIC[page].failures


def beyond(page: Page) -> set[str]:
    """What the page asked of other computers."""
    elsewhere = [url for url in _TRAFFIC[page].urls if urlsplit(url).hostname not in ("127.0.0.1", None)]
    return {url for url in elsewhere if not url.startswith(("blob:", "data:"))}


def third_day(place: Place) -> None:
    shutil.copy(SAMPLES / "next" / "sales_2021-05-03.csv", place.landing)
