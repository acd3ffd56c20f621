"""A landing directory whose mount stops answering, on a real FUSE mount, beside one that goes on."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import datasets
from flows.errors import LandingHangs
from flows.ingest import dataset_state
from flows.ingest.bootstrap import OpenFeed, open_feed
from flows.ingest.disk_warnings import Disks
from flows.ingest.status import FeedSource
from flows.ingest.work import Work
from flows.landing import monitor, mount_thread
from flows.model.query import Query
from flows.settings import Settings
from flows.store.reports import Reports
from flows.store.state_directory import StateDirectory
from tests.e2e.program import Place, started_program, watching
from tests.integration.landing.fuse import fuse
from tests.integration.live_feed import SETTLE_S, sales
from tests.waiting import until

DECLARATION = """
from dataclasses import replace
from flows.datasets.sales import SALES
REMOTE = replace(SALES, name="remote", landing={remote!r})
LOCAL = replace(SALES, name="local", landing={local!r})
"""


class Two:
    """Two datasets, one on a mount; the stages run in threads that nothing waits for at the end of the process."""

    def __init__(self, opened: OpenFeed) -> None:
        self.feed = opened.feed
        self.failure: BaseException | None = None
        nowhere = StateDirectory(Path("nowhere"))
        self._source = FeedSource(opened.feed, opened.owner, Reports(nowhere.reports), Disks({}, {}))
        self._thread = threading.Thread(target=self._run, name="two")

    def start(self) -> None:
        self.feed.rebuild()
        self._thread.start()

    def stop(self) -> None:
        self.feed.stop()
        self._thread.join(20)
        assert not self._thread.is_alive() and self.failure is None

    def quantities(self, dataset: str) -> dict[int, int]:
        frame = self.feed.cube.query(Query(dataset, ("Quantity.SUM",), ("ID",)))
        return dict(zip(frame["ID"].to_list(), frame["Quantity.SUM"].to_list(), strict=True))

    def complaints(self) -> str:
        """What is said of the dataset on the mount."""
        return "\n".join(each for each in self._source.complaints() if each.startswith("remote"))

    def _run(self) -> None:
        try:
            while not self.feed.stopping:
                work = self.feed.detect(0.1)
                if work is not None:
                    self.feed.append(self.feed.validate(work))
        except BaseException as failure:
            self.failure = failure


@pytest.fixture(autouse=True)
def soon(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs is found to hang soon, and is tried again soon."""
    for module, name, value in (
        (mount_thread, "QUIET_S", 0.3),
        (mount_thread, "STOP_S", 0.3),
        (datasets, "RESOLVE_S", 0.1),
        (monitor, "PATIENCE_S", 0.02),
        (dataset_state, "RETRY_S", 0.1),
        (dataset_state, "RETRY_MOST_S", 0.2),
    ):
        monkeypatch.setattr(module, name, value)


@contextmanager
def two(root: Path) -> Iterator[Two]:
    (root / "local").mkdir(exist_ok=True)
    declaration = root / "two.py"
    declaration.write_text(DECLARATION.format(remote=str(root / "remote"), local=str(root / "local")))
    settings = Settings(
        state=root / "state",
        datasets=f"{declaration}:REMOTE,{declaration}:LOCAL",
        settle_s=SETTLE_S,
    )
    with open_feed(settings) as opened:
        running = Two(opened)
        running.start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def behind(tmp_path: Path) -> Path:
    """What the mount's server has."""
    (tmp_path / "behind").mkdir()
    (tmp_path / "remote").mkdir()
    (tmp_path / "behind" / "1.csv").write_bytes(sales(1))
    return tmp_path / "behind"


def test_a_mount_that_hangs_degrades_its_dataset_and_recovers_when_it_answers(tmp_path: Path, behind: Path) -> None:
    with fuse(behind, tmp_path / "remote") as server, two(tmp_path) as running:
        until(lambda: running.quantities("remote") == {1: 1}, what="the first file")
        assert running.feed.datasets["remote"].monitor.observer == "polling"
        server.stop_answering()
        (behind / "2.csv").write_bytes(sales(2, start=2))
        until(
            lambda: "remote: degraded: The landing directory of remote has not answered" in running.complaints(),
            what="that",
        )
        (tmp_path / "local" / "1.csv").write_bytes(sales(7))
        until(lambda: running.quantities("local") == {1: 7}, what="the file of the other dataset")
        assert running.quantities("remote") == {1: 1}
        with pytest.raises(LandingHangs, match="look after its mount"):
            running.feed.datasets["remote"].monitor.scan_and_claim()
        server.answer()
        until(lambda: running.quantities("remote") == {1: 1, 2: 2}, what="the file that landed meanwhile")
        until(lambda: not running.complaints(), what="no complaint")


def test_a_mount_that_hangs_while_a_file_is_read_degrades_its_dataset_and_the_file_is_read_again(
    tmp_path: Path, behind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fuse(behind, tmp_path / "remote") as server, two(tmp_path) as running:
        until(lambda: running.quantities("remote") == {1: 1}, what="the first file")
        validate = running.feed.validate

        def hang_before(work: Work) -> object:
            if work.dataset == "remote":
                server.stop_answering()
            return validate(work)

        monkeypatch.setattr(running.feed, "validate", hang_before)
        (behind / "2.csv").write_bytes(sales(2, start=2))
        until(lambda: "remote: degraded: The landing directory of remote" in running.complaints(), what="the complaint")
        monkeypatch.setattr(running.feed, "validate", validate)
        (tmp_path / "local" / "1.csv").write_bytes(sales(7))
        until(lambda: running.quantities("local") == {1: 7}, what="the file of the other dataset")
        server.answer()
        until(lambda: running.quantities("remote") == {1: 1, 2: 2}, what="the file")
        until(lambda: not running.complaints(), what="no complaint")


def test_a_mount_that_hangs_at_the_start_holds_up_no_other_dataset(tmp_path: Path, behind: Path) -> None:
    with fuse(behind, tmp_path / "remote") as server:
        (tmp_path / "local").mkdir()
        (tmp_path / "local" / "1.csv").write_bytes(sales(7))
        server.stop_answering()
        with two(tmp_path) as running:
            until(lambda: running.quantities("local") == {1: 7}, what="the file of the other dataset")
            until(lambda: "remote: degraded" in running.complaints(), what="the complaint")
            server.answer()
            until(lambda: running.quantities("remote") == {1: 1}, what="the file on the mount")


@pytest.mark.slow
def test_a_process_ends_in_order_while_a_mount_hangs(tmp_path: Path, behind: Path) -> None:
    with fuse(behind, tmp_path / "remote") as server:
        place = Place(tmp_path, environment={"CUBEFEED_LANDING": str(tmp_path / "remote")})
        with watching(place) as running:
            server.stop_answering()
            assert server.touched.wait(20)
            running.process.terminate()
            until(lambda: not (tmp_path / "ready").exists(), what="the end of all that was open")
            server.answer()  # the kernel lets no process go of which such a server holds a call
            assert running.process.wait(20) == 0, running.output


@pytest.mark.slow
@pytest.mark.parametrize("observer", ["native", "polling"])
def test_a_directory_that_may_not_be_read_any_more_degrades_its_dataset_until_it_may(
    tmp_path: Path, observer: str
) -> None:
    unprivileged = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "true")
    if not shutil.which("setpriv") or subprocess.run(unprivileged, check=False).returncode:
        pytest.skip("setpriv cannot take the right to read everything away here")
    place = Place(tmp_path, environment={"CUBEFEED_LANDING": str(tmp_path / "landing"), "CUBEFEED_OBSERVER": observer})
    place.drop("1.csv", sales(1).decode())
    ready = tmp_path / "ready"
    command = [*unprivileged[:-1], *place.command("watch", "--ready-file", ready)]
    with started_program(place, "watch", *command) as running:
        until(lambda: ready.exists() or running.process.poll() is not None, what="the ready file")
        place.landing.chmod(0)
        try:
            until(
                lambda: "cannot be read (Permission denied)" in place.run("status", "--check", code=None).stdout,
                what="the complaint",
            )
        finally:
            place.landing.chmod(0o755)
        place.drop("2.csv", sales(2, start=2, day="2021-05-02").decode())
        until(lambda: place.sales() == {"2021-05-01": 1, "2021-05-02": 2}, what="the next file")
        until(lambda: not place.complaints(), what="the next listing")
