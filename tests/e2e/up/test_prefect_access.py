"""`cubefeed up`: who may use the Prefect server that it starts."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket
from websockets.typing import Subprotocol

from tests.e2e.program import Installation, Place, Prefect
from tests.waiting import PATIENCE_S

get = partial(httpx.get, trust_env=False, timeout=PATIENCE_S)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_foreign_page_may_not_use_the_api(up: Installation) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{up.prefect.url}/api/flow_runs/filter", headers=headers, trust_env=False)
    assert "access-control-allow-origin" not in preflight.headers
    simple = httpx.get(
        f"{up.prefect.url}/api/health", headers={"Origin": "http://evil.example"}, trust_env=False, timeout=PATIENCE_S
    )
    assert "access-control-allow-origin" not in simple.headers
    own = httpx.get(
        f"{up.prefect.url}/api/health", headers={"Origin": up.prefect.url}, trust_env=False, timeout=PATIENCE_S
    )
    assert own.headers["access-control-allow-origin"] == up.prefect.url


OPEN = ("/api/health", "/api/ready", "/docs", "/openapi.json", "/ui-settings", "/")
"""What Prefect 3.8.8 shows to everybody who reaches its port."""


def test_who_does_not_know_the_secret_of_prefect_sees_and_changes_nothing(up: Installation) -> None:
    strangers = [Prefect(up.prefect.url), Prefect(up.prefect.url, f"cubefeed:{'x' * 43}")]
    deployment = up.prefect.get("/deployments/name/load-files/sales")
    for path in OPEN:
        assert get(f"{up.prefect.url}{path}").status_code == 200
    for stranger in strangers:
        user, _, password = (stranger.secret or "").partition(":")
        auth = (user, password) if stranger.secret else None
        with httpx.Client(base_url=up.prefect.url, auth=auth, trust_env=False, timeout=PATIENCE_S) as client:
            for method, path in (
                ("GET", "/api/version"),
                ("GET", "/api/admin/version"),
                ("GET", "/api/csrf-token?client=x"),
                ("POST", "/api/flows/filter"),
                ("POST", "/api/flow_runs/filter"),
                ("POST", "/api/deployments/filter"),
                ("PATCH", f"/api/deployments/{deployment['id']}"),
                ("POST", f"/api/deployments/{deployment['id']}/create_flow_run"),
                ("POST", "/api/flows/"),
                ("POST", "/api/admin/database/clear"),
            ):
                assert client.request(method, path, json={}).status_code in (401, 403), path
    assert up.prefect.get("/deployments/name/load-files/sales")["updated"] == deployment["updated"]


def test_a_page_that_knows_the_secret_of_a_browser_still_changes_nothing_across_sites(up: Installation) -> None:
    user, _, password = str(up.prefect.secret).partition(":")
    simple = {"Content-Type": "text/plain", "Origin": "http://evil.example"}
    answer = httpx.post(
        f"{up.prefect.url}/api/flows/", content='{"name": "evil"}', headers=simple, auth=(user, password),
        trust_env=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert answer.status_code == 403 and "CSRF" in answer.text


@pytest.mark.parametrize("path", ["/api/events/out", "/api/events/in", "/api/logs/out"])
def test_the_streams_of_prefect_ask_for_the_secret_too(up: Installation, path: str) -> None:
    address = f"{up.prefect.url.replace('http', 'ws')}{path}"

    def admitted(secret: str) -> bool:
        with websocket(address, subprotocols=[Subprotocol("prefect")]) as stream:
            try:
                stream.send(json.dumps({"type": "auth", "token": secret}))
                return "auth_success" in str(stream.recv(timeout=10))
            except ConnectionClosed:
                return False

    assert admitted(str(up.prefect.secret))
    assert not admitted(f"cubefeed:{'x' * 43}")
    assert not admitted("")


def test_the_secret_is_in_no_command_line_log_or_answer(up: Installation) -> None:
    password = str(up.prefect.secret).partition(":")[2]
    assert oct((up.place.state / "prefect-secret").stat().st_mode)[-3:] == "600"
    for process in up.place.processes():
        assert password not in " ".join(process.cmdline())
    for log in [*up.place.state.glob("*.log"), up.running.log]:
        assert password not in log.read_text(errors="replace")
    assert password not in up.place.run("status").stdout + up.place.run("doctor", code=None).stdout
    assert password not in json.dumps(up.prefect.post("/artifacts/filter", {}))


def test_a_shell_gets_all_that_prefects_own_commands_need(up: Installation) -> None:
    place = up.place
    command = f'eval "$({" ".join(place.command("prefect-env"))})" && {sys.executable} -m prefect deployment ls'
    kept = dict(place.environment)
    try:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            del place.environment[name]
        assert "load-files/sales" in place.run_any("bash", "-c", command).stdout
    finally:
        place.environment.update(kept)


def test_a_port_that_another_program_has_is_an_error_with_a_way_out(up: Installation, tmp_path: Path) -> None:
    other = Place(tmp_path)
    port = up.prefect.url.rpartition(":")[2]
    output = other.run("up", "--prefect-port", port, code=1).stderr
    assert f"port={port}" in output and "--prefect-port" in output and "Traceback" not in output
    other.assert_nothing_left()


def test_everything_listens_on_loopback_only(up: Installation) -> None:
    for process in up.place.processes():
        for connection in process.net_connections("inet"):
            assert connection.status != "LISTEN" or connection.laddr.ip == "127.0.0.1", process.cmdline()
