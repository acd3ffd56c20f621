"""The live page with several datasets, behind a token, and the report that it links to."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from flows.web.token import TOKEN, make_token
from tests.e2e.browser import BROWSER, arguments, beyond, failures, numbers, opened, state, third_day, wait
from tests.e2e.program import Place, watching

pytestmark = BROWSER

SECRET = make_token()
TWO = """
import dataframely as dy
from cubefeed import Dataset

class Sold(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Pieces = dy.Int64()

class Priced(dy.Schema):
    Item = dy.String(primary_key=True)
    Day = dy.Date()
    Price = dy.Float64(nullable=True)

SOLD = Dataset(schema=Sold, landing="landing/sold")
PRICED = Dataset(schema=Priced, landing="landing/priced")
"""


@pytest.fixture
def two_datasets(place: Place) -> Place:
    (place.root / "two.py").write_text(TWO)
    for name in ("sold", "priced"):
        (place.landing / name).mkdir(parents=True)
    place.drop("sold/a.csv", "ID,Day,Pieces\n1,2021-05-01,40\n2,2021-05-02,2\n")
    place.drop("priced/a.csv", "Item,Day,Price\na,2021-05-01,2\nb,2021-05-01,\nc,2021-05-02,4\n")
    return place


def shown(page: Page, dataset: str) -> set[str]:
    """The numbers of one dataset's pivot."""
    cells = page.locator(f".pivot:has(h2:text-is('{dataset}')) perspective-viewer-datagrid td")
    return set(cells.all_inner_texts())


def test_each_dataset_has_its_pivot_and_means_leave_nulls_out(
    two_datasets: Place, context: BrowserContext, port: int
) -> None:
    chosen = ("--dataset", "two.py:SOLD", "--dataset", "two.py:PRICED", "--port", port)
    with watching(two_datasets, *chosen):
        page = opened(context, port)
        wait(page, lambda: {"42", "40"} <= shown(page, "sold") and {"6.00", "3.00", "2.00"} <= shown(page, "priced"))
        two_datasets.drop("priced/b.csv", "Item,Day,Price\nd,2021-05-02,\ne,2021-05-02,9\n")
        wait(page, lambda: {"15.00", "5.00", "6.50"} <= shown(page, "priced"))
        assert "42" in shown(page, "sold") and failures(page) == []
        page.evaluate("document.querySelectorAll('perspective-viewer')[1].restore({group_by: ['Item']})")
        wait(page, lambda: "priced=" in urlsplit(page.url).fragment)
        assert "sold=" not in urlsplit(page.url).fragment
        names = page.locator("#health strong").all_inner_texts()
        assert names == ["sold", "priced"]


def test_the_token_opens_the_page_once_and_stays_out_of_sight(
    two_days: Place, browser: Browser, context: BrowserContext, port: int
) -> None:
    two_days.environment[TOKEN] = SECRET
    with watching(two_days, *arguments(two_days, port)):
        root = f"http://127.0.0.1:{port}/"
        page = opened(context, port)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button").click()
        page.get_by_text("That is not the token").wait_for()
        page.goto(f"{root}?token={SECRET}")
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))
        (cookie,) = context.cookies()
        inside = f"{root}{cookie['path'][1:]}"
        assert page.url == inside and state(page) == "live" and page.evaluate("document.cookie") == ""
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and SECRET not in str(cookie)
        assert 6 * 86400 < cookie["expires"] - time.time() <= 7 * 86400
        third_day(two_days)
        wait(page, lambda: "8" in numbers(page))
        assert two_days.sales() == {"2021-05-01": 10, "2021-05-02": 7, "2021-05-03": 8}
        page.route("http://elsewhere.example/", lambda route: route.fulfill(body=f"<a href='{root}'>cube</a>"))
        page.goto("http://elsewhere.example/")
        page.get_by_role("link").click()
        page.wait_for_url(f"{inside}**")
        wait(page, lambda: {"10", "7", "8"} <= set(numbers(page)) and page.url == inside)
        assert failures(page) == [] and not beyond(page) - {"http://elsewhere.example/"}
        with browser.new_context() as stranger:
            other = stranger.new_page()
            answer = other.goto(f"{root}?token=wrong")
            assert answer is not None and answer.status == 401 and stranger.cookies() == []
            other.get_by_text("Not without the token").wait_for()
            assert "wrong" not in other.url
            other.get_by_label("Token").fill(SECRET)
            other.keyboard.press("Enter")
            other.wait_for_url(inside)
            wait(other, lambda: {"10", "7", "8"} <= set(numbers(other)))


def test_a_page_whose_token_was_changed_asks_for_the_new_one(
    two_days: Place, context: BrowserContext, port: int
) -> None:
    two_days.environment[TOKEN] = SECRET
    with watching(two_days, *arguments(two_days, port)):
        page = opened(context, port, rest=f"?token={SECRET}")
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))
    two_days.environment[TOKEN] = changed = make_token()
    with watching(two_days, *arguments(two_days, port)):
        page.get_by_label("Token").fill(changed)
        before = page.url
        page.get_by_role("button").click()
        page.wait_for_url(lambda url: url != before)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1920, "light")])
def test_the_report_is_linked_and_read_everywhere(
    two_days: Place, browser: Browser, port: int, width: int, scheme: str, tmp_path: Path
) -> None:
    two_days.drop("<img src=x onerror=alert(1)>.csv", "ID,Date,Product,Quantity\n9,2021-05-02,<b>,=1+1\n")
    with (
        watching(two_days, *arguments(two_days, port)),
        browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context,  # type: ignore[arg-type]
    ):
        lies, address = two_days.run("report", "--date", "2021-05-02").stdout.split()
        assert Path(lies).is_relative_to(two_days.state)
        page = opened(context, port)
        page.get_by_role("link", name="Report of 2021-05-02").click()
        page.wait_for_url(address)
        assert page.get_by_role("heading", level=1).inner_text() == "sales · 2021-05-02"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("svg").count() == 2 and page.locator("img, script").count() == 0
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert "Quantity.SUM,7,10,-3" in download.value.path().read_text()
        (tmp_path / f"report-{width}.png").write_bytes(page.screenshot(full_page=True))
        assert failures(page) == [] and not beyond(page)
