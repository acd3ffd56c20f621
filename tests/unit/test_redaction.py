"""Secrets are in nothing that is shown."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import traceback

import httpx
import pytest

from flows.errors import StateError
from flows.redaction import RedactingFormatter, log_without_secrets, without_secret_variables
from flows.redaction import without_secrets as shown
from flows.runtime.boundaries import describe
from tests.repository import ROOT

PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"http://somebody:{PASSWORD}@prefect.example:4200/api", "http://…@prefect.example:4200/api"),
        (f"'https://{PASSWORD}@prefect.example/api'", "'https://…@prefect.example/api'"),
        (f"postgresql+asyncpg://prefect:{PASSWORD}@db/prefect", "postgresql+asyncpg://…@db/prefect"),
        (f"postgresql://prefect:{PASSWORD}/?@{PASSWORD}@db/x", "postgresql://…@db/x"),
        (f"http://:{PASSWORD}@host/ and http://a:{PASSWORD}@b", "http://…@host/ and http://…@b"),
        ("http://127.0.0.1:4200/api of me@example.org", "http://127.0.0.1:4200/api of me@example.org"),
        ("see http://host/mail@example.org", "see http://host/mail@example.org"),
    ],
)
def test_an_address_is_shown_without_what_it_signs_in_with(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    "name",
    [
        "CUBEFEED_TOKEN",
        "PREFECT_API_AUTH_STRING",
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_API_KEY",
        "POSTGRES_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "ATOTI_LICENSE",
    ],
)
def test_a_secret_of_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f"somebody:{PASSWORD}")
    assert PASSWORD not in shown(f"refused somebody:{PASSWORD}") + shown(f"with {PASSWORD} alone")
    assert name not in without_secret_variables({name: "x", "HOME": "/home"})


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("all=slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXr", ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXr"]),
        (f"mailto://cubefeed:{PASSWORD}@mail.example.org?to=ops@example.org", [PASSWORD]),
        (
            "problem=json://localhost:8080/hook/s3cret-token?x=an%2Fother",
            ["s3cret-token", "an/other", "an%2Fother"],
        ),
    ],
)
def test_no_part_of_an_alert_address_that_may_be_a_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, address: str, secrets: list[str]
) -> None:
    monkeypatch.setenv("CUBEFEED_ALERTS", f"json://127.0.0.1:1/x {address}")
    said = shown(f"cubefeed at localhost 127.0.0.1 mail.example.org: {address} and {' '.join(secrets)}")
    assert not any(secret in said for secret in secrets)
    assert said.startswith("cubefeed at localhost 127.0.0.1 mail.example.org: ")
    assert "CUBEFEED_ALERTS" not in without_secret_variables({"CUBEFEED_ALERTS": address})


def test_words_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "address")
    assert shown("an address that is shown") == "an address that is shown"
    monkeypatch.setenv("SOME_TOKEN", "addresses")
    assert shown("addresses") == "…"


def test_an_error_says_what_happened_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBEFEED_TOKEN", PASSWORD)
    address = f"http://somebody:{PASSWORD}@127.0.0.1:9/api"
    error = StateError(f"{address} does not answer", next_step="start it", url=address, token=PASSWORD)
    for text in (str(error), error.headline, describe(error)):
        assert PASSWORD not in text and "127.0.0.1:9" in text


def test_what_httpx_raises_is_shown_without_secrets() -> None:
    request = httpx.Request("GET", f"http://somebody:{PASSWORD}@127.0.0.1:9/api/health")
    with pytest.raises(httpx.HTTPStatusError) as raised:
        httpx.Response(500, request=request).raise_for_status()
    error = raised.value
    assert PASSWORD in "".join(traceback.format_exception(error))
    assert PASSWORD not in describe(error)
    assert "127.0.0.1:9/api/health" in describe(error)
    record = logging.LogRecord("flows", 30, __file__, 1, "%s", (error,), (type(error), error, error.__traceback__))
    line = RedactingFormatter("%(message)s").format(record)
    assert PASSWORD not in line and "Traceback" in line


def test_the_log_of_a_process_is_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    root, written = logging.Logger("root"), io.StringIO()
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(sys, "stderr", written)
    log_without_secrets("INFO")
    root.warning("http://somebody:%s@127.0.0.1/", PASSWORD)
    assert "WARNING" in written.getvalue() and PASSWORD not in written.getvalue()


def test_the_traceback_with_which_a_command_ends_is_without_secrets() -> None:
    command = f"""
import httpx, sys
from flows.text.output import plain_logs
plain_logs()
httpx.Response(500, request=httpx.Request("GET", "http://a:{PASSWORD}@127.0.0.1:9/")).raise_for_status()
"""
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "HTTPStatusError" in done.stderr and "127.0.0.1:9" in done.stderr
    assert "raise HTTPStatusError" in done.stderr and PASSWORD not in done.stderr.replace(command, "")
