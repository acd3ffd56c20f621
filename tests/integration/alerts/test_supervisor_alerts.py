"""What `up` tells, since the session cannot."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from flows.alerts import book, supervisor_look
from flows.alerts.supervisor import supervisor_alerts
from flows.alerts.supervisor_look import SupervisorLook
from flows.model.alerts import Kind
from flows.settings import Settings
from flows.store.ledger_file import open_ledger
from flows.store.owner import End, Owner
from flows.store.state_directory import StateDirectory
from tests.integration.alerts.receivers import HttpReceiver, http_receiver
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("prompt")


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    found = StateDirectory(tmp_path / "state")
    found.create()
    open_ledger(found.ledger).close()
    return found


@contextmanager
def session(state: StateDirectory) -> Iterator[None]:
    """This process owns the state directory."""
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        state.forget_end()
        yield


@contextmanager
def supervised(
    state: StateDirectory,
    monkeypatch: pytest.MonkeyPatch,
    receiver: HttpReceiver,
    *,
    name: str = "",
    server_starts: Callable[[], int] = lambda: 1,
) -> Iterator[SupervisorLook]:
    monkeypatch.setenv("CUBEFEED_ALERTS", receiver.address)
    with supervisor_alerts(Settings(state=state.root, name=name), server_starts) as alerts:
        yield alerts


def test_a_session_that_has_ended_is_told_with_the_reason_and_so_is_that_it_is_live_again(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with supervised(state, monkeypatch, receiver) as alerts:
        with session(state):
            alerts.note_start()
        state.note_end(End("the ledger is damaged", "make it again", 70))
        until(lambda: receiver.messages, what="a message")
        expected = "Cubefeed: the session has ended, and is started again by itself: the ledger is damaged"
        assert receiver.titles == [expected] and "next: make it again" in receiver.messages[0]["message"]
        with session(state):
            until(lambda: len(receiver.messages) == 2, what="a second message")
    assert receiver.titles[1].startswith("Cubefeed: the session is live again; it lasted ")


def test_a_start_that_failed_is_told_and_the_next_one_tells_that_a_session_is_live(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with supervised(state, monkeypatch, receiver) as alerts:
        alerts.note_failure("The Prefect server does not answer")
    assert receiver.titles == ["Cubefeed: it could not start: The Prefect server does not answer"]
    with supervised(state, monkeypatch, receiver) as alerts, session(state):
        alerts.note_start()
        until(lambda: len(receiver.messages) == 2, what="a second message")
    assert receiver.titles[1].startswith("Cubefeed: the session is live again; it lasted ")


def test_it_is_told_where_there_is_no_ledger_to_remember_it_in(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    state.ledger.write_bytes(b"no ledger at all")
    with supervised(state, monkeypatch, receiver) as alerts:
        alerts.note_start()
        until(lambda: receiver.titles == ["Cubefeed: no session is live: somebody has ended it"], what="that message")


def test_what_it_could_not_send_waits_in_the_ledger(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_receiver() as gone:
        pass
    with supervised(state, monkeypatch, gone) as alerts:
        alerts.note_start()
        until(lambda: waiting(state) == ["supervisor"], what="the message waits")
    with http_receiver(port=gone.port) as back, supervised(state, monkeypatch, back):
        until(lambda: back.titles == ["Cubefeed: no session is live: somebody has ended it"], what="that message")
        until(lambda: waiting(state) == [], what="nothing waits")


def waiting(state: StateDirectory) -> list[str]:
    with closing(sqlite3.connect(state.ledger)) as ledger:
        return [source for (source,) in ledger.execute("select source from alert_messages where tries > 0")]


def test_a_prefect_server_that_is_away_for_long_is_told_and_so_is_that_it_is_back(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    monkeypatch.setattr(book, "SETTLE", {Kind.PREFECT: timedelta(seconds=0.3)})
    monkeypatch.setattr(supervisor_look, "PREFECT_S", 0.05)
    with http_receiver() as prefect, supervised(state, monkeypatch, receiver) as alerts, session(state):
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{prefect.port}/api")
        alerts.note_start()
        prefect.status = 503
        until(
            lambda: receiver.titles == ["Cubefeed: Prefect does not answer; loading goes on without it"],
            what="that message",
        )
        prefect.status = 200
        until(lambda: len(receiver.messages) == 2, what="a second message")
    assert receiver.titles[1].startswith("Cubefeed: Prefect answers again; it lasted ")
    assert set(prefect.called) == {"GET /api/health"}


def test_a_server_of_its_own_that_was_started_again_is_told_at_once_and_so_is_that_it_answers(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    starts = [1]
    with (
        http_receiver() as prefect,
        supervised(state, monkeypatch, receiver, name="eu", server_starts=lambda: starts[-1]) as alerts,
        session(state),
    ):
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{prefect.port}/api")
        alerts.note_start()
        prefect.status = 503
        starts.append(2)
        ended = "Cubefeed eu: the Prefect server has ended, and is started again by itself; loading goes on without it"
        until(lambda: receiver.titles == [ended], what="that message")
        prefect.status = 200
        until(lambda: len(receiver.messages) == 2, what="a second message")
    assert receiver.titles[1].startswith("Cubefeed eu: Prefect answers again; it lasted ")


def test_a_session_that_was_another_one_a_look_ago_has_ended_meanwhile(state: StateDirectory) -> None:
    look = SupervisorLook(state, lambda: None, lambda: 1)
    look.note_start()
    with session(state):
        assert look.look().problems == ()
        state.announce(Owner(os.getppid(), "duckdb"))
        assert [each.text for each in look.look().problems] == [
            "the session has ended, and was started again by itself"
        ]
        assert look.look().problems == ()


def test_another_up_on_the_same_state_tells_nothing(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    with session(state), supervised(state, monkeypatch, receiver) as alerts:
        alerts.note_failure("Cubefeed is running here already")
    assert not receiver.messages
