"""Who reaches the port of the Prefect server that `up` has started: a page in a browser, another user, a broken run."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext

from flows.store.state_directory import StateDirectory
from flows.web.token import make_token
from tests.attack.system import HEADER, VISIBLE_S, as_stranger
from tests.e2e.program import Installation, Place, installation, started, started_program
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TOKEN = make_token()
REQUESTS = [
    ("POST", "/flow_runs/filter", {}),
    ("POST", "/deployments/filter", {}),
    ("POST", "/flows/", {"name": "theirs"}),
    ("POST", "/deployments/{deployment}/create_flow_run", {"parameters": {"dataset": "sales", "mode": "unload"}}),
    ("PATCH", "/deployments/{deployment}", {"entrypoint": "theirs.py:run"}),
    ("DELETE", "/deployments/{deployment}", None),
]
"""What lists, starts, changes and removes."""


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    """One installation for all attacks here, in a directory that other users can reach. Somebody has made the directory
    before that Prefect's runners of all users share among the temporary files."""
    root = Path(tempfile.mkdtemp(prefix="cubefeed-attack-"))
    root.chmod(0o755)
    temporary = root / "tmp"
    temporary.mkdir()
    (temporary / "runner_storage").touch()
    environment = {"CUBEFEED_LANDING": str(root / "landing"), "CUBEFEED_TOKEN": TOKEN, "TMPDIR": str(temporary)}
    place = Place(root, environment=environment)
    place.drop("first.csv", HEADER + "1,2021-05-01,phone,1\n")
    try:
        with started(place, "up", "--prefect-port", 0) as running:
            yield installation(running, place)
            assert running.end(signal.SIGTERM) == 0, running.output
        place.assert_nothing_left()
    finally:
        shutil.rmtree(root)


@pytest.fixture
def deployment(up: Installation) -> Iterator[str]:
    """The deployment that the attackers want, which has to be the same afterwards, and a file that lands meanwhile."""
    before = up.prefect.get("/deployments/name/load-files/sales")
    runs = {run["id"] for run in up.prefect.runs("load-files")}
    yield str(before["id"])
    after = up.prefect.get("/deployments/name/load-files/sales")
    assert (after["updated"], after["entrypoint"]) == (before["updated"], before["entrypoint"])
    assert {run["id"] for run in up.prefect.runs("load-files")} == runs
    assert "theirs" not in {flow["name"] for flow in up.prefect.post("/flows/filter", {})}
    assert_still_loading(up)


def assert_still_loading(up: Installation) -> None:
    """A file that lands now is visible soon."""
    id = uuid.uuid4().int % 10**12
    up.place.drop(f"{id}.csv", f"{HEADER}{id},2021-06-01,{id},1\n")
    question = {"measure": "contributors.COUNT", "by": "Product", "where": f"Product={id}"}
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def visible() -> bool:
        url = f"{up.owner['url']}/api/query"
        answer = httpx.get(url, params=question, headers=headers, trust_env=False, timeout=VISIBLE_S)
        return bool(answer.raise_for_status().json()["rows"])

    until(visible, what="the file is visible", patience_s=VISIBLE_S)


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_page_whose_name_was_made_to_lead_here_is_no_page_of_prefect(
    up: Installation, deployment: str, name: str
) -> None:
    user, _, password = str(up.prefect.secret).partition(":")
    for path in ("/", "/api/health", "/api/admin/version", "/ui-settings"):
        answer = httpx.get(f"{up.prefect.url}{path}", headers={"Host": name}, auth=(user, password), trust_env=False)
        assert answer.status_code == 400 and "prefect" not in answer.text.lower(), path
    port = up.prefect.url.rpartition(":")[2]
    for own in (f"127.0.0.1:{port}", f"localhost:{port}"):
        answer = httpx.get(f"{up.prefect.url}/api/health", headers={"Host": own}, trust_env=False)
        assert answer.status_code == 200
    assert deployment


def test_what_another_user_has_put_among_temporary_files_keeps_nothing_from_running(up: Installation) -> None:
    assert up.prefect.wait_for(up.prefect.start("load-files/sales"), "Completed")
    assert (up.place.root / "tmp" / "runner_storage").is_file()


def test_another_user_connects_and_gets_and_changes_nothing(up: Installation, deployment: str) -> None:
    for method, path, body in REQUESTS:
        url = f"{up.prefect.url}/api{path.format(deployment=deployment)}"
        sent = ("-d", json.dumps(body)) if body is not None else ()
        done = as_stranger("curl", "-s", "-w", "\n%{http_code}", "-X", method, *sent, url)
        text, _, code = done.stdout.rpartition("\n")
        assert code in ("401", "403") and deployment not in text, (path, done.stdout)


def test_another_user_finds_no_secret_on_any_command_line_and_reads_no_environment(up: Installation) -> None:
    password, token = str(up.prefect.secret).partition(":")[2], TOKEN
    pids = [str(process.pid) for process in up.place.processes()]
    assert len(pids) >= 4
    shown = as_stranger("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
    assert "flows.installation.prefect_app" in shown and password not in shown and token not in shown
    for pid in pids:
        assert as_stranger("cat", f"/proc/{pid}/environ").stdout == ""
    kept = as_stranger("cat", str(up.place.state / "prefect-secret"))
    assert kept.returncode and not kept.stdout


def test_the_server_of_prefect_has_no_secret_that_is_not_its_own(up: Installation) -> None:
    (server,) = [each for each in up.place.processes() if "flows.installation.prefect_app" in each.cmdline()]
    environment = server.environ()
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == up.prefect.secret
    assert TOKEN not in environment.values()
    assert TOKEN in up.owner_process.environ().values()


LISTENER = """
import json, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print(server.getsockname()[1], flush=True)
    server.settimeout(float(sys.argv[2]))
    try:
        asked = server.accept()[0].recv(10_000)
    except TimeoutError:
        asked = b""
    print(json.dumps(asked.decode("latin-1")), flush=True)
"""


def test_another_user_who_has_the_port_first_is_sent_nothing(up: Installation, tmp_path: Path) -> None:
    other = Place(tmp_path)
    with started_program(other, "stranger", *stranger(PYTHON, "-c", LISTENER, "0", str(PATIENCE_S))) as listener:
        until(lambda: listener.output.strip(), what="the stranger listens")
        port = listener.output.split()[0]
        output = other.run("up", "--prefect-port", port, code=1).stderr
        assert f"port={port}" in output and "--prefect-port" in output and "Traceback" not in output
        with socket.create_connection(("127.0.0.1", int(port))) as ours:
            ours.sendall(b"the first that came")
        assert listener.process.wait(PATIENCE_S) == 0
    assert json.loads(listener.output.splitlines()[1]) == "the first that came"
    assert not (other.state / "prefect-secret").exists()
    other.assert_nothing_left()
    assert_still_loading(up)


PYTHON = "/usr/bin/python3"


def stranger(*command: str) -> tuple[str, ...]:
    """A command that goes on running as another user."""
    if not Path(PYTHON).exists() or as_stranger(PYTHON, "-c", "").returncode:
        pytest.skip("another user can run no Python")
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", *command)


def test_what_a_deployment_does_not_declare_is_refused_at_once(up: Installation) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("load-files/sales", {"undeclared": 1}),
        ("load-files/sales", {"mode": "remove"}),
        ("load-files/sales", {"paths": [1]}),
        ("load-files/sales", {"force": "yes"}),
        ("close-day/sales", {"dataset": 5}),
        ("close-day/sales", {"day": "2021-05-01"}),
        ("keep-cube-live/cube", {"dataset": "sales"}),
    ]
    for name, parameters in wrong:
        id = up.prefect.get(f"/deployments/name/{name}")["id"]
        answer = up.prefect.ask("POST", f"/deployments/{id}/create_flow_run", {"parameters": parameters})
        assert answer.status_code == 409 and "Validation failed" in answer.text, (name, parameters)


SURROGATE = "\udcff"
UNREADABLE: list[dict[str, Any]] = [
    {"parameters": {"paths": [f"sales{SURROGATE}.csv"]}},
    {"job_variables": {"of": SURROGATE}},
    {"labels": {"share": float("nan")}},
    {"context": {"of": SURROGATE}},
]
"""What is stored, and is then an error wherever it would be in the answer."""


def test_runs_that_prefect_cannot_read_stop_no_other(up: Installation) -> None:
    id = up.prefect.get("/deployments/name/load-files/sales")["id"]
    for run in UNREADABLE:
        store(up, id, run)
    sound = up.prefect.start("load-files/sales")
    listed = partial(up.prefect.ask, "POST", "/flow_runs/filter", {})
    until(lambda: listed().status_code == 200, what="runs are listed")
    assert up.prefect.wait_for(sound, "Pending", "Running", "Completed")
    failed = [run for run in up.prefect.runs("load-files") if run["name"] == "unreadable"]
    assert len(failed) == 2 and all("cannot read this run" in run["state"]["message"] for run in failed)
    log = up.place.state / "serve.log"

    def ended(how: str) -> int:
        return log.read_text().count(how)

    until(lambda: ended("it has failed now") == ended("it was deleted") == 2, what="all four are ended, and it is said")
    assert_still_loading(up)


@pytest.mark.deep
def test_up_starts_where_a_run_cannot_be_read_and_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path, environment={"CUBEFEED_LANDING": str(tmp_path / "landing")})
    place.drop("first.csv", HEADER + "1,2021-05-01,phone,1\n")
    with started(place, "up", "--prefect-port", 0) as running:
        first = installation(running, place)
        id = first.prefect.get("/deployments/name/load-files/sales")["id"]
        first.serving_process.suspend()  # nobody asks for runs, and so nobody ends it
        store(first, id, UNREADABLE[0])
        running.process.kill()
        for process in place.processes():
            process.kill()
    until(lambda: StateDirectory(place.state).owner() is None, what="nobody owns the directory")
    with started(place, "up", "--prefect-port", 0) as running:
        again = installation(running, place)
        assert "could not read its run" in running.output and "failed now" in running.output
        assert again.prefect.wait_for(again.prefect.start("load-files/sales"), "Completed")
        assert running.end() == 0
    place.assert_nothing_left()


def store(up: Installation, deployment: str, run: dict[str, Any]) -> None:
    """Have a run stored that cannot be read, which may be answered with an error."""
    before = up.prefect.post("/flow_runs/count", {})
    with httpx.Client(base_url=f"{up.prefect.url}/api", trust_env=False, timeout=10) as client:
        client.auth = tuple(str(up.prefect.secret).split(":"))  # type: ignore[assignment]
        given = client.get("/csrf-token", params={"client": "test"}).json()
        headers = {
            "Prefect-Csrf-Token": given["token"], "Prefect-Csrf-Client": "test", "Content-Type": "application/json",
        }  # fmt: skip
        client.post(f"/deployments/{deployment}/create_flow_run", content=json.dumps(run), headers=headers)
    assert up.prefect.post("/flow_runs/count", {}) >= before


PAGE = """
async ([prefect, deployment, secret]) => {
  const api = prefect + "/api", got = {};
  const ask = async (name, options, path) => {
    try {
      const answer = await fetch(api + path, options);
      got[name] = [answer.status, await answer.text()];
    } catch (error) { got[name] = ["blocked", String(error)]; }
  };
  const run = JSON.stringify({parameters: {dataset: "sales", mode: "unload"}});
  const plain = {"Content-Type": "text/plain"}, json = {"Content-Type": "application/json"};
  await ask("list", {method: "POST", headers: json, body: "{}"}, "/flow_runs/filter");
  await ask("read", {}, "/deployments/" + deployment);
  await ask("read with cookies", {credentials: "include"}, "/deployments/" + deployment);
  await ask("start", {method: "POST", headers: json, body: run}, "/deployments/" + deployment + "/create_flow_run");
  await ask("change", {method: "PATCH", headers: json, body: '{"entrypoint": "theirs.py:run"}'},
            "/deployments/" + deployment);
  await ask("guess", {headers: {Authorization: "Basic " + btoa("cubefeed:" + secret)}}, "/admin/version");
  for (const [mode, path] of [["start", "/deployments/" + deployment + "/create_flow_run"], ["flow", "/flows/"]])
    await ask("blind " + mode, {method: "POST", mode: "no-cors", headers: plain,
              body: mode === "flow" ? '{"name": "theirs"}' : run}, path);
  for (const path of ["/events/out", "/events/in", "/logs/out"])
    got[path] = await new Promise((done) => {
      const stream = new WebSocket(api.replace("http", "ws") + path, ["prefect"]), heard = [];
      stream.onopen = () => {
        stream.send(JSON.stringify({type: "auth", token: ""}));
        stream.send(JSON.stringify({type: "filter", filter: {}}));
      };
      stream.onmessage = (message) => heard.push(message.data);
      stream.onclose = () => done(heard);
      setTimeout(() => done(heard), 3000);
    });
  return got;
}
"""
FORM = """
<form method="post" enctype="text/plain" action="{api}/deployments/{deployment}/create_flow_run">
  <input name='{{"parameters": {{"dataset": "sales", "mode": "unload"}}, "rest": "' value='"}}'>
</form>
"""


def test_a_page_of_another_site_lists_starts_and_changes_nothing(
    up: Installation, deployment: str, context: BrowserContext, port: int
) -> None:
    site = f"http://localhost:{port}"  # the same site for cookies, another origin
    context.route(f"{site}/**", lambda route: route.fulfill(content_type="text/html", body="<p>free ringtones</p>"))
    page = context.new_page()
    page.goto(f"{site}/")
    got = page.evaluate(PAGE, [up.prefect.url, deployment, "x" * 43])
    streams = {name: messages for name, messages in got.items() if name.startswith("/")}
    assert streams.keys() == {"/events/out", "/events/in", "/logs/out"}
    assert not any(
        "auth_success" in message or "event" in message for messages in streams.values() for message in messages
    )
    blind = {name: answer for name, answer in got.items() if name.startswith("blind")}
    assert blind and all(answer in ([0, ""], ["blocked", answer[1]]) for answer in blind.values())
    readable = got.keys() - streams.keys() - blind.keys()
    assert {got[name][0] for name in readable} == {"blocked"}, got

    page.set_content(FORM.format(api=f"{up.prefect.url}/api", deployment=deployment))
    with page.expect_response(lambda answer: "create_flow_run" in answer.url) as sent:
        page.evaluate("document.forms[0].submit()")
    assert sent.value.status in (401, 403)
