"""The live page behind a reverse proxy that gives it HTTPS and a host name of its own."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from flows.web.token import TOKEN, make_token
from tests.e2e.browser import ARGUMENTS, BROWSER, CHROMIUM, arguments, numbers, third_day, wait
from tests.e2e.program import Place, watching
from tests.e2e.proxy import NAME, proxied

pytestmark = BROWSER

SECRET = make_token()


def test_the_page_works_behind_a_named_proxy_with_a_cookie_for_https_alone(
    two_days: Place, port: int, tmp_path: Path
) -> None:
    two_days.environment |= {TOKEN: SECRET, "CUBEFEED_PROXY": "127.0.0.1"}
    found_by = [*ARGUMENTS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    with (
        watching(two_days, *arguments(two_days, port)),
        proxied(port, tmp_path) as address,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=found_by) as browser,
        browser.new_context(ignore_https_errors=True) as context,
    ):
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda output: wrong.append(output.text) if "Content Security" in output.text else None)
        page.goto(address)
        page.get_by_label("Token").fill(SECRET)
        page.get_by_role("button").click()
        page.wait_for_url(lambda url: url.count("/") > 3 and "again" not in url)
        wait(page, lambda: {"10", "7"} <= set(numbers(page)))
        third_day(two_days)
        wait(page, lambda: "8" in numbers(page))
        (cookie,) = context.cookies()
        assert cookie["secure"] and cookie["httpOnly"] and cookie["domain"] == NAME
        two_days.run("report", "--date", "2021-05-02")
        page.get_by_role("link", name="Report of 2021-05-02").click()
        page.get_by_role("heading", level=1).wait_for()
        assert page.url.startswith(f"{address}{cookie['path']}reports/") and wrong == []
        assert two_days.sales() == {"2021-05-01": 10, "2021-05-02": 7, "2021-05-03": 8}


def test_a_proxy_that_is_not_named_is_not_believed(two_days: Place, port: int) -> None:
    two_days.environment |= {TOKEN: SECRET, "CUBEFEED_PROXY": "192.0.2.1"}
    output = {"X-Forwarded-Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.9"}
    with watching(two_days, *arguments(two_days, port)) as running:
        answer = httpx.get(f"http://127.0.0.1:{port}/", params={"token": SECRET}, headers=output, trust_env=False)
        assert "Secure" not in answer.headers["set-cookie"]
        other = httpx.get(f"http://127.0.0.1:{port}/", headers={**output, "Host": NAME}, trust_env=False)
        assert other.status_code == 400
        wrong = {**output, "Authorization": "Bearer wrong"}
        assert httpx.get(f"http://127.0.0.1:{port}/", headers=wrong, trust_env=False).status_code == 401
        running.wait_for_word("the last one from 127.0.0.1")
