"""How Atoti is started, and what is said where it cannot be."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cube.atoti.start import UNREACHABLE, StartLog, check_java_home, explain_failure, listening
from flows.errors import EngineUnavailable
from tests.unit.cube.atoti_stage import Stage


def test_atoti_is_started_on_a_free_port(stage: Stage) -> None:
    stage.open()
    (config,) = stage.start.call_args.args
    assert config.port == 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listening sockets are looked up in /proc")
@pytest.mark.parametrize(("address", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_port_open_beyond_this_machine_is_told(stage: Stage, address: str, warned: bool) -> None:
    warnings: list[str] = []
    with socket.create_server((address, 0)) as server:
        stage.session.url = f"http://localhost:{server.getsockname()[1]}"
        stage.open(warnings.append)
    assert bool(warnings) == warned
    assert not warned or address in warnings[0]


def test_loopback_and_other_ports_are_no_open_addresses() -> None:
    ipv4 = (
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 0100007F:1F90 00000000:0000 0A 0\n"
        "   1: 00000000:1F91 00000000:0000 0A 0\n"
        "   2: 0A0200C0:1F90 0100007F:1F90 01 0\n"
    )
    ipv6 = (
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 00000000000000000000000001000000:1F90 0:0 0A 0\n"
        "   1: 0000000000000000FFFF00000100007F:1F90 0:0 0A 0\n"
        "   2: 00000000000000000000000000000000:1F91 0:0 0A 0\n"
    )
    assert listening(ipv4, 8080) == [] and listening(ipv6, 8080) == []
    assert listening(ipv4, 8081) == ["0.0.0.0"] and listening(ipv6, 8081) == ["::"]


@pytest.mark.parametrize(
    ("log", "error", "reason"),
    [
        (f"{UNREACHABLE} for initial check. Retry in 30 seconds.", "Process exited with exit code 143", "reached"),
        (f"{UNREACHABLE} for initial check.", "The license has expired", "reached"),
        ("ERROR License - The license has expired", "Cannot start application with invalid license.", "expired"),
        ("ERROR ActiveViam License - License status: Invalid", "exit code 1", "not valid"),
        ("WARN set to expire in 5 days.", "Cannot start application with invalid license.", "not valid"),
        ("", "Error occurred during initialization of VM\nToo small maximum heap", "memory"),
        ("", "java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("", "Could not retrieve the port\nServer logs: …", "Could not retrieve the port"),
    ],
)
def test_a_failed_start_is_explained_by_its_first_cause(log: str, error: str, reason: str) -> None:
    explained = explain_failure(RuntimeError(error), log)
    assert reason in str(explained) and "\n" not in str(explained)


def test_a_failed_start_becomes_engine_unavailable(stage: Stage) -> None:
    stage.start.side_effect = RuntimeError("The license has expired")
    with pytest.raises(EngineUnavailable, match=r"expired.*ATOTI_LICENSE.*duckdb"):
        stage.open()


def test_java_home_without_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(EngineUnavailable, match=r"JAVA_HOME.*gone.*unset"):
        check_java_home()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the child is found in /proc")
def test_the_second_refusal_of_the_licence_server_ends_our_own_java_process_only() -> None:
    log = StartLog()
    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    file = Path(log.java_options[1].partition("=")[2])
    with (
        subprocess.Popen([*waiting, *log.java_options]) as java,
        subprocess.Popen(waiting) as other,
        log,
    ):
        file.write_text(f"{UNREACHABLE}\n")
        with pytest.raises(subprocess.TimeoutExpired):
            java.wait(0.5)
        file.write_text(f"{UNREACHABLE}\n{UNREACHABLE}\n")
        java.wait(10)
        assert other.poll() is None
        other.kill()
    log.remove()
    assert not file.parent.exists()
