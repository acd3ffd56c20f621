"""The README's picture of the live page: `make picture` takes it again, of a real session on the sample."""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright

from tests.e2e.browser import ARGUMENTS, CHROMIUM, arguments, numbers, opened, third_day, wait
from tests.e2e.program import SAMPLES, Place, watching
from tests.repository import ROOT

PICTURE = ROOT / ".github" / "live-page.png"
REFUSED = "ID,Date,Product,Quantity\n11,2021-05-04,mouse,2\n12,2021-05-04,monitor,none\n"
SIZE: ViewportSize = {"width": 1180, "height": 800}
LAYOUT = {"group_by": ["Date", "Product"]}


def scene(place: Place, context: BrowserContext, port: int) -> Page:
    """The page of a session on two days of the sample, after a third one has landed and a file was refused."""
    page = opened(context, port)
    wait(page, lambda: {"10", "7"} <= set(numbers(page)))
    third_day(place)
    wait(page, lambda: {"10", "7", "8", "25"} <= set(numbers(page)))
    place.drop("sales_2021-05-04.csv", REFUSED)
    wait(page, lambda: "“none”" in page.locator("#refused").inner_text())
    page.evaluate("layout => document.querySelector('perspective-viewer').restore(layout)", LAYOUT)
    wait(page, lambda: len(numbers(page)) > 30)
    return page


def take(picture: Path) -> None:
    """Take the picture, in a place that is left as it was."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cubefeed-picture-") as root:
        place = Place(Path(root))
        shutil.copytree(SAMPLES / "current", place.landing)
        with watching(place, *arguments(place, port)), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            with browser.new_context(viewport=SIZE) as context:
                scene(place, context, port).screenshot(path=picture)
            browser.close()


if __name__ == "__main__":
    take(PICTURE)
    print(PICTURE)
