"""Who has time waits for a session that opens, and asks the next one what the one before had not begun."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flows.errors import NotRunning, RequestFailed, RequestWithdrawn
from flows.ingest import session_wait
from flows.ingest.bootstrap import open_feed
from flows.ingest.session_wait import ask_when_live
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import DEADLINE_S, declare, live, sales
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("quick")


class Asker:
    """Asks in a thread of its own, as a run does, and keeps what it was told."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor) -> None:
        self.told: list[str] = []
        self.over = threading.Event()
        self._root, self._pool = root, pool

    def ask(self, dataset: str = "sales", *, within_s: float = 0.0) -> Future[dict[str, Any]]:
        return self._pool.submit(
            ask_when_live, self._root / "state", dataset, "verify", {},
            owner_within_s=within_s, tell=self.told.append, withdrawn=self.over.is_set,
        )  # fmt: skip

    def wait_for(self, words: str) -> None:
        poll = threading.Event()
        for _ in range(int(DEADLINE_S / 0.01)):
            if any(words in text for text in self.told):
                return
            poll.wait(0.01)
        pytest.fail(f"not told {words!r}, but {self.told}")


@pytest.fixture
def asker(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asker]:
    monkeypatch.setattr(session_wait, "LOOK_S", 0.01)
    monkeypatch.setattr(session_wait, "TELL_S", 0.0)
    with ThreadPoolExecutor() as pool:
        made = Asker(tmp_path, pool)
        yield made
        made.over.set()


def test_where_nothing_runs_it_is_said_at_once_unless_somebody_may_start_it(asker: Asker, tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="Nothing is running"):
        asker.ask().result(DEADLINE_S)
    with pytest.raises(NotRunning, match="Nothing is running"):
        asker.ask(within_s=0.05).result(DEADLINE_S)
    assert asker.told == ["waiting for the session: nothing runs yet"]
    late = asker.ask(within_s=DEADLINE_S)
    with live(tmp_path, "polling"):
        assert late.result(DEADLINE_S)["verify"]["rows"] == 0


def test_a_session_that_opens_is_waited_for_however_long_it_takes(asker: Asker, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    state = StateDirectory(tmp_path / "state")
    state.create()
    with state.owned():
        asked = asker.ask(within_s=DEADLINE_S)
        asker.wait_for("it is opening")
    with open_feed(declare(tmp_path, observer="polling")) as opened:
        asker.wait_for("it is starting")
        opened.feed.health.note_progress("sales is being filled")
        asker.wait_for("waiting for the session: sales is being filled")
    with live(tmp_path, "polling"):
        assert asked.result(DEADLINE_S)["verify"]["rows"] == 0


def test_what_a_session_had_not_begun_is_asked_of_the_next_one(asker: Asker, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    with open_feed(declare(tmp_path, observer="polling")) as opened:
        opened.feed.health.begin_live()  # and nobody works
        asked = asker.ask(within_s=DEADLINE_S)
        until(lambda: opened.feed.requests._requests.open_requests())
    asker.wait_for("the next one is asked")
    with live(tmp_path, "polling") as living:
        living.put("a.csv", sales(4))
        assert asked.result(DEADLINE_S)["verify"]["missing"] == 0


def test_what_is_not_wanted_any_more_is_withdrawn_before_the_session_begins_it(asker: Asker, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    with open_feed(declare(tmp_path, observer="polling")) as opened:
        opened.feed.health.begin_live()  # and nobody works
        asked = asker.ask()
        until(lambda: opened.feed.requests._requests.open_requests())
        asker.over.set()
        with pytest.raises(RequestWithdrawn):
            asked.result(DEADLINE_S)
        assert opened.feed.requests._requests.open_requests() == []


def test_a_dataset_that_is_not_served_is_refused_while_the_session_opens(asker: Asker, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    refused = pytest.raises(RequestFailed, match=r"does not serve this dataset.*Next: name one of sales")
    with open_feed(declare(tmp_path, observer="polling")), refused:
        asker.ask("orders").result(DEADLINE_S)


def test_who_does_not_want_it_any_more_stops_waiting(asker: Asker, tmp_path: Path) -> None:
    asked = asker.ask(within_s=DEADLINE_S)
    asker.wait_for("nothing runs yet")
    asker.over.set()
    with pytest.raises(RequestWithdrawn, match="Nothing was asked"):
        asked.result(DEADLINE_S)
