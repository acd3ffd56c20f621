"""Full disks under the whole program: what only tells of the work never ends it."""

from __future__ import annotations

import signal
import subprocess
from itertools import chain

import pytest

from tests.e2e.program import SAMPLES, Installation, Place, installation, started
from tests.integration.small_disk import small_disk
from tests.waiting import until

DAY_1 = (SAMPLES / "current" / "sales_2021-05-01.csv").read_text()
DAY_2 = (SAMPLES / "current" / "sales_2021-05-02.csv").read_text()
DAY_3 = (SAMPLES / "next" / "sales_2021-05-03.csv").read_text()
PREFECT_BYTES = 64 << 20
STATE_BYTES = 96 << 20

pytestmark = pytest.mark.slow


@pytest.fixture
def one_day(place: Place) -> Place:
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    place.drop("sales_2021-05-01.csv", DAY_1)
    return place


def test_a_log_on_a_full_disk_loses_lines_and_ends_nothing(one_day: Place) -> None:
    ready = one_day.root / "ready"
    with small_disk(one_day.root / "logs", size_bytes=1 << 16) as disk:
        log = disk.path / "log"
        log.touch()
        disk.fill()
        with log.open("ab") as output:
            process = subprocess.Popen(
                one_day.command("watch", "--ready-file", ready),
                cwd=one_day.root, env=one_day.variables, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            until(lambda: ready.exists() or process.poll() is not None, what="the ready file")
            one_day.drop("sales_2021-05-02.csv", DAY_2)
            until(lambda: one_day.sales() == {"2021-05-01": 10, "2021-05-02": 7}, what="the second day")
            assert log.read_bytes() == b""
            disk.make_room()
            one_day.drop("sales_2021-05-03.csv", DAY_3)
            until(lambda: b"sales_2021-05-03.csv loaded" in log.read_bytes(), what="the log goes on")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_full_disk_under_prefects_database_is_only_said(one_day: Place) -> None:
    with (
        small_disk(one_day.state / "prefect", size_bytes=PREFECT_BYTES) as disk,
        started(one_day, "up", "--prefect-port", 0) as running,
    ):
        up = installation(running, one_day)
        up.wait_for_owner()
        before = up.owner
        disk.fill()
        one_day.drop("sales_2021-05-02.csv", DAY_2)
        until(lambda: up.sales() == {"2021-05-01": 10, "2021-05-02": 7}, what="the second day")
        done = one_day.run("status")
        assert f"{disk.path} (Prefect's home) is nearly full" in done.stderr
        assert one_day.complaints() == []
        disk.make_room()
        one_day.drop("sales_2021-05-03.csv", DAY_3)
        until(lambda: up.sales().get("2021-05-03") == 8, what="the third day")
        until(lambda: shown(up, "sales_2021-05-02.csv"), what="Prefect shows the load", every_s=1.0)
        assert up.owner == before, "the session ended"
        assert running.end(signal.SIGTERM) == 0


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_full_disk_under_everything_stops_loading_and_nothing_else(one_day: Place) -> None:
    with (
        small_disk(one_day.state, size_bytes=STATE_BYTES) as disk,
        started(one_day, "up", "--prefect-port", 0) as running,
    ):
        up = installation(running, one_day)
        up.wait_for_owner()
        before = up.owner
        disk.fill()
        one_day.drop("sales_2021-05-02.csv", DAY_2)
        until(lambda: degraded(one_day), what="the dataset is degraded")
        assert up.sales() == {"2021-05-01": 10}
        disk.make_room()
        until(lambda: up.sales() == {"2021-05-01": 10, "2021-05-02": 7}, what="the second day")
        assert up.owner == before, "the session ended"
        assert running.end(signal.SIGTERM) == 0


def shown(up: Installation, name: str) -> bool:
    """Whether Prefect shows what came of a file, in a window or besides."""
    tables = [up.prefect.artifacts(key) for key in ("last-loads", "loaded-outside-windows")]
    return any(name in str(table["data"]) for table in chain(*tables))


def degraded(place: Place) -> bool:
    reason = place.json("status")["datasets"]["sales"]["degraded"]
    assert reason is None or "The disk is full" in reason
    return reason is not None
