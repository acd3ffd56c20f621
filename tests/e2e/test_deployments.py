"""What lies in deployments/: the work pool for real, the rest by its own tool or by what must be in it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from tests.e2e.program import Installation, Place, Prefect, RunningProgram, started, started_program
from tests.repository import ROOT
from tests.waiting import until

DEPLOYMENTS = ROOT / "deployments"
SECRET = "admin:secret"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Prefect]]:
    """A Prefect server with basic authentication that Cubefeed has not started, and a place whose processes use it."""
    place = Place(tmp_path_factory.mktemp("deployments"))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    place.use_server(f"http://127.0.0.1:{port}/api", SECRET)
    place.environment["PREFECT_SERVER_API_AUTH_STRING"] = SECRET
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with started_program(place, "server", *command):
        found_server = Prefect(f"http://{SECRET}@127.0.0.1:{port}")
        until(lambda: found_server.get("/health"), what="the server answers")
        yield place, found_server
    place.assert_nothing_left()


def prefect(place: Place, *arguments: str) -> str:
    """Prefect's own command line."""
    done = place.run_any(sys.executable, "-m", "prefect", "--no-prompt", *arguments)
    return done.stdout + done.stderr


def wait_for_session(place: Place, server: Prefect, worker: RunningProgram) -> Installation:
    """The live session that a worker runs."""
    up = Installation(worker, place, server)
    up.wait_for_owner()
    return up


@pytest.mark.deep
def test_prefect_deploy_makes_with_our_file_what_cubefeed_deploy_makes(served: tuple[Place, Prefect]) -> None:
    place, server = served
    prefect(place, "work-pool", "create", "cubefeed", "--type", "process")
    output = prefect(place, "deploy", "--prefect-file", str(DEPLOYMENTS / "prefect.yaml"), "--all")
    for name in ("keep-cube-live/cube", "load-files/sales", "close-day/sales"):
        assert server.get(f"/deployments/name/{name}")["work_pool_name"] == "cubefeed", output
    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "cubefeed")
    place.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with started_program(place, "worker", *command) as worker:
        live = server.start("keep-cube-live/cube")
        up = wait_for_session(place, server, worker)
        assert up.owner["run"] == live and up.sales() == {"2021-05-01": 10, "2021-05-02": 7}
        done = server.wait_for(server.start("load-files/sales", mode="reload"), "Completed", "Failed")
        assert done["state"]["name"] == "Completed", done["state"]["message"]
        assert until(lambda: server.runs("close-day"), what="scheduled runs")
        os.kill(up.owner["pid"], signal.SIGKILL)
        up.wait_for_owner(other_than=up.owner["pid"])
        assert server.wait_for(live, "Crashed") and up.owner["run"] != live

        before = {name: server.get(f"/deployments/name/{name}") for name in ("keep-cube-live/cube", "close-day/sales")}
        assert "the session starts again after a crash”: as it was" in place.run("deploy").stdout
        for name, found in before.items():
            again = server.get(f"/deployments/name/{name}")
            assert again["id"] == found["id"] and again["description"] == found["description"]
        id = before["close-day/sales"]["id"]
        refused = server.ask("POST", f"/deployments/{id}/create_flow_run", {"parameters": {"undeclared": 1}})
        assert refused.status_code == 409 and "Validation failed" in refused.text
        worker.end()


def test_serving_without_up_ends_its_runs_in_an_honest_state(served: tuple[Place, Prefect]) -> None:
    place, server = served
    for each in server.post("/deployments/filter", {}):
        server.delete(f"/deployments/{each['id']}")
    place.environment["PREFECT_RUNNER_POLL_FREQUENCY"] = "1"
    with started_program(place, "serve", sys.executable, str(DEPLOYMENTS / "serve.py")) as serving:
        until(lambda: server.get("/deployments/name/keep-cube-live/cube"), what="it is served")
        live = server.start("keep-cube-live/cube")
        wait_for_session(place, server, serving)
        assert serving.end(signal.SIGTERM) == 0
        assert server.run(live)["state"]["name"] == "Cancelled"
    assert not (place.state / "owner.json").exists()


def test_up_uses_the_server_that_is_named_and_leaves_it_running(served: tuple[Place, Prefect]) -> None:
    place, server = served
    with started(place, "up") as running:
        up = Installation(running, place, server)
        up.wait_for_owner()
        assert up.sales() == {"2021-05-01": 10, "2021-05-02": 7}
        assert running.end(signal.SIGTERM) == 0, running.output
    assert server.get("/health") is True and "starting the Prefect server" not in running.output
    assert not (place.state / "prefect-server.log").exists()


def test_a_deployment_of_ones_own_runs_with_each_business_day_that_arrives(served: tuple[Place, Prefect]) -> None:
    place, server = served
    example = (sys.executable, str(DEPLOYMENTS / "on_arrival.py"), "sales")
    with started_program(place, "example", *example) as serving, started(place, "up") as running:
        until(lambda: server.get("/deployments/name/on-arrival/sales"), what="it is served")
        Installation(running, place, server).wait_for_owner()
        place.drop("june.csv", "ID,Date,Product,Quantity\n70,2021-06-01,phone,7\n71,2021-06-02,phone,8\n")

        def parameters() -> list[tuple[str, str]]:
            runs = [run for run in server.started_runs("on-arrival") if run["state"]["name"] == "Completed"]
            return sorted((run["parameters"]["dataset"], run["parameters"]["business_day"]) for run in runs)

        june = [("sales", "2021-06-01"), ("sales", "2021-06-02")]
        until(lambda: set(june) <= set(parameters()), what="a run for each day")
        assert [each for each in parameters() if each in june] == june
        assert "sales · 2021-06-01" in {run["name"] for run in server.runs("on-arrival")}
        assert serving.end(signal.SIGTERM) == 0 and running.end(signal.SIGTERM) == 0, serving.output


def test_the_image_holds_what_its_links_point_at() -> None:
    """The demo's samples in `flows/` are links to `data/sales`."""
    compose = YAML(typ="safe").load((DEPLOYMENTS / "compose.yaml").read_text())
    recipe = compose["services"]["prefect"]["build"]["dockerfile_inline"]
    copied = [source for line in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE) for source in line.split()]
    links = [link for link in (ROOT / "flows").rglob("*") if link.is_symlink()]
    assert links
    for link in links:
        assert any(link.resolve().is_relative_to(ROOT / source) for source in copied), link
    assert "../data:/cubefeed/data:ro" in compose["services"]["cubefeed"]["volumes"]


def test_the_systemd_unit_is_valid(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = (DEPLOYMENTS / "cubefeed.service").read_text()
    assert "ExecStart=cubefeed up" in unit
    checked = tmp_path / "cubefeed.service"
    checked.write_text(unit.replace("ExecStart=cubefeed", f"ExecStart={shutil.which('true')}"))
    done = subprocess.run([tool, "verify", checked], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_compose_publishes_on_loopback_only_and_protects_prefect() -> None:
    text = (DEPLOYMENTS / "compose.yaml").read_text()
    compose = YAML(typ="safe").load(text)
    services = compose["services"]
    for name, service in services.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source.startswith(".") or source in compose["volumes"]
    assert services["prefect"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"].startswith("${PREFECT_AUTH:?")
    assert services["cubefeed"]["environment"]["CUBEFEED_TOKEN"].startswith("${CUBEFEED_TOKEN:?")


def test_compose_is_what_its_schema_allows() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([*command, DEPLOYMENTS / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed here")
def test_compose_is_what_docker_understands() -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("docker has no compose plugin here")
    secrets = dict.fromkeys(("PREFECT_AUTH", "POSTGRES_PASSWORD", "CUBEFEED_TOKEN"), "admin:secret")
    command: list[str | Path] = ["docker", "compose", "-f", DEPLOYMENTS / "compose.yaml", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **secrets})
    assert done.returncode == 0, done.stderr


def test_deploy_says_when_no_server_is_named_or_none_answers(place: Place) -> None:
    said = place.run("deploy", code=1).stderr
    assert "No Prefect server is named" in said and "export PREFECT_API_URL=" in said
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place.environment["PREFECT_API_URL"] = (
            f"http://somebody:hunter2-hunter2@127.0.0.1:{silent.getsockname()[1]}/api"
        )
    said = place.run("deploy", code=1).stderr
    assert "The Prefect server does not answer" in said and "start it, or correct PREFECT_API_URL" in said
    assert "hunter2" not in said and "Traceback" not in said


def test_up_uses_the_server_that_is_named_and_says_when_it_does_not_answer(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://somebody:hunter2-hunter2@127.0.0.1:{silent.getsockname()[1]}/api"
    place.environment["PREFECT_API_URL"] = url
    with started_program(place, "up", *place.command("up")) as running:
        running.wait_for_word("waiting for the Prefect server")
        with pytest.raises(httpx.TransportError):
            httpx.get(url)
        assert running.end(signal.SIGINT) == 0
        assert "127.0.0.1" in running.output and "hunter2" not in running.output
