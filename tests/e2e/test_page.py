"""The live page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.e2e.browser import BROWSER, arguments, beyond, failures, numbers, opened, state, third_day, wait
from tests.e2e.program import SAMPLES, Place, watching
from tests.picture import scene

pytestmark = BROWSER


def test_the_third_day_appears_without_a_reload_and_nothing_leaves_this_computer(
    two_days: Place, context: BrowserContext, port: int
) -> None:
    with watching(two_days, *arguments(two_days, port)):
        page = opened(context, port)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))
        assert state(page) == "live"
        page.evaluate("window.same = true")
        third_day(two_days)
        wait(page, lambda: {"10", "7", "8", "25"} <= set(numbers(page)))
        assert page.evaluate("window.same") is True
        wait(page, lambda: "sales_2021-05-03.csv" in page.locator("#recent").inner_text())
        wait(page, lambda: "2021-05-03\narrived" in page.locator("#days").inner_text())
        days = page.locator("perspective-viewer-datagrid th").all_inner_texts()
        assert {"2021-05-01", "2021-05-02", "2021-05-03"} <= set(days)
        assert not beyond(page)
        assert failures(page) == []


def test_the_picture_of_the_readme_can_be_taken_again(two_days: Place, context: BrowserContext, port: int) -> None:
    with watching(two_days, *arguments(two_days, port)):
        page = scene(two_days, context, port)
        assert failures(page) == [] and not beyond(page)


def test_a_page_finds_back_after_a_crash_and_says_when_the_session_has_stopped(
    two_days: Place, context: BrowserContext, port: int
) -> None:
    with watching(two_days, *arguments(two_days, port)) as running:
        page = opened(context, port)
        wait(page, lambda: "10" in numbers(page))
        running.end(signal.SIGKILL)
        wait(page, lambda: state(page) == "reconnecting")
        assert "10" in numbers(page)
    third_day(two_days)
    with watching(two_days, *arguments(two_days, port)) as running:
        wait(page, lambda: state(page) == "live" and "8" in numbers(page))
        running.end(signal.SIGTERM)
        wait(page, lambda: state(page) == "session stopped")


def test_a_correction_is_seen_and_refused_files_and_warnings_are_named(
    two_days: Place, context: BrowserContext, port: int
) -> None:
    with watching(two_days, *arguments(two_days, port)):
        page = opened(context, port)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))
        corrected = (SAMPLES / "current" / "sales_2021-05-02.csv").read_text().replace("2021-05-02", "2021-05-09")
        two_days.drop("sales_2021-05-02.csv", corrected)
        wait(page, lambda: "2021-05-09" in page.locator("perspective-viewer-datagrid th").all_inner_texts())
        assert "2021-05-02" not in page.locator("perspective-viewer-datagrid th").all_inner_texts()
        assert {"10", "7", "17"} <= set(numbers(page))
        two_days.drop("bad.csv", "ID,Date,Product,Quantity\n99,2021-05-04,<b>phone</b>,<img src=x>\n")
        warned = "warned.csv: it has no key of the 1 row that it had before"
        (two_days.landing / "warned.csv").write_text("ID,Date,Product,Quantity\n900,2021-05-01,phone,1\n")
        wait(page, lambda: "warned.csv" in page.locator("#recent").inner_text())
        (two_days.landing / "warned.csv").write_text("ID,Date,Product,Quantity\n901,2021-05-01,phone,1\n")
        wait(page, lambda: warned in page.locator("#health").inner_text())
        wait(page, lambda: "“<img src=x>”" in page.locator("#refused").inner_text())
        assert page.locator("#refused img").count() == 0


def test_what_a_script_does_to_one_page_no_other_page_sees(two_days: Place, context: BrowserContext, port: int) -> None:
    with watching(two_days, *arguments(two_days, port)):
        page, other = opened(context, port), opened(context, port)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)) & set(numbers(other)))
        page.evaluate(
            """async () => {
                const table = await document.querySelector("perspective-viewer").getTable();
                await table.clear();
                const socket = new WebSocket(`ws://${location.host}/live`);
                await new Promise(open => { socket.onopen = open; });
                for (const said of ["{}", new Uint8Array(500), "remove"]) socket.send(said);
                for (const method of ["POST", "PUT", "DELETE", "PATCH"])
                    if ((await fetch("/api/query", {method})).status !== 405) throw new Error(method);
            }"""
        )
        third_day(two_days)
        wait(other, lambda: {"10", "7", "8", "25"} <= set(numbers(other)))
        third = opened(context, port)
        wait(third, lambda: {"10", "7", "8", "25"} <= set(numbers(third)))


def test_a_layout_stays_in_the_browser_and_its_address_shares_it(
    two_days: Place, context: BrowserContext, browser: Browser, port: int
) -> None:
    with watching(two_days, *arguments(two_days, port)):
        page = opened(context, port)
        wait(page, lambda: "10" in numbers(page))
        assert urlsplit(page.url).fragment == ""
        page.evaluate("document.querySelector('perspective-viewer').restore({group_by: ['Product']})")
        wait(page, lambda: "Product" in urlsplit(page.url).fragment)
        address = urlsplit(page.url).fragment
        page.close()
        again = opened(context, port)
        wait(again, lambda: numbers(again) and "10" not in numbers(again))
        again.get_by_role("button", name="Reset layout").click()
        wait(again, lambda: "10" in numbers(again) and urlsplit(again.url).fragment == "")
        with browser.new_context() as elsewhere:
            shared = opened(elsewhere, port, rest=f"#{address}")
            wait(shared, lambda: numbers(shared) and "10" not in numbers(shared))


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(375, 812, "light"), (1024, 768, "dark"), (1920, 1080, "dark")]
)
def test_the_page_fits_every_size_and_does_not_jump(
    two_days: Place, browser: Browser, port: int, width: int, height: int, scheme: str, tmp_path: Path
) -> None:
    watch_jumps = """
        window.jumps = 0;
        new PerformanceObserver(list => {
            for (const {value, hadRecentInput} of list.getEntries()) window.jumps += hadRecentInput ? 0 : value;
        }).observe({type: "layout-shift", buffered: true});
    """
    with (
        watching(two_days, *arguments(two_days, port)),
        browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context,  # type: ignore[arg-type]
    ):
        context.add_init_script(watch_jumps)
        page = opened(context, port, slower=4)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)) and not page.locator(".placeholder").count())
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        (tmp_path / f"{width}.png").write_bytes(page.screenshot(full_page=True))
        assert page.evaluate("window.jumps") < 0.02
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        reached = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent").strip())
        assert {"Arrange", "Copy link", "API"} <= reached
