"""The heartbeat: called while all is well, and harmless where its receiver is not."""

from __future__ import annotations

import pytest

from flows.alerts import heartbeat as module
from flows.alerts.heartbeat import configured_heartbeat, heartbeat
from flows.errors import DeclarationError
from tests.integration.alerts.receivers import SECRET, HttpReceiver
from tests.waiting import until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.05)
    monkeypatch.setattr(module, "SOON_S", 0.02)


def test_the_heartbeat_is_called_again_and_again_while_all_is_well_and_not_otherwise(receiver: HttpReceiver) -> None:
    well = True
    looks = 0

    def is_well() -> bool:
        nonlocal looks
        looks += 1
        return well

    with heartbeat(receiver.url, is_well):
        until(lambda: len(receiver.called) >= 3, what="three calls")
        well = False
        seen = looks
        until(lambda: looks > seen + 2, what="two more looks")
        called = len(receiver.called)
        until(lambda: looks > seen + 5, what="five more looks")
        assert len(receiver.called) == called
    assert set(receiver.called) == {f"GET /{SECRET}"}


def test_a_receiver_that_answers_500_is_warned_of_once_and_called_on(
    receiver: HttpReceiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBEFEED_HEARTBEAT_URL", receiver.url)
    caplog.set_level("INFO")
    receiver.status = 500
    with heartbeat(receiver.url, lambda: True):
        until(lambda: len(receiver.called) >= 4, what="four calls")
        (warning,) = caplog.messages
        assert "500" in warning and SECRET not in warning
        receiver.status = 200
        until(lambda: len(caplog.messages) == 2, what="two warnings")
    assert caplog.messages[1] == "the receiver of the heartbeat takes it again"


def test_what_is_no_address_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBEFEED_HEARTBEAT_URL", f"file:///{SECRET}")
    with pytest.raises(DeclarationError, match="CUBEFEED_HEARTBEAT_URL is no address") as raised:
        configured_heartbeat()
    assert SECRET not in str(raised.value)
