"""`cubefeed alerts test`, and addresses that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import DeclarationError
from tests.integration.alerts.receivers import SECRET, HttpReceiver, MailServer


def test_each_address_gets_a_message_and_what_it_answers_is_shown(
    monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver, mails: MailServer, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUBEFEED_ALERTS", f"all={receiver.address}\n{mails.address}")
    done = CliRunner().invoke(app, ["alerts", "test", "--format", "json", "--state", str(tmp_path / "state")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [
        {"address": 1, "kind": "json", "told": "problem,late,report", "taken": True, "answer": "taken"},
        {"address": 2, "kind": "mailto", "told": "problem,late", "taken": True, "answer": "taken"},
    ]
    assert receiver.titles == mails.subjects == ["Cubefeed: a test of the alerts"]
    assert not (tmp_path / "state").exists()


def test_a_receiver_that_does_not_take_it_is_named_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, receiver: HttpReceiver
) -> None:
    receiver.status = 500
    monkeypatch.setenv("CUBEFEED_ALERTS", receiver.address)
    done = CliRunner().invoke(app, ["alerts", "test", "--format", "json"])
    assert done.exit_code == 1
    (answer,) = json.loads(done.stdout)
    assert not answer["taken"] and "error=500" in answer["answer"] and SECRET not in done.output


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (f"json://127.0.0.1/x strange://{SECRET}", r"address 2 \(strange\) cannot be parsed"),
        (f"slack://{SECRET}/b", r"address 1 \(slack\) cannot be parsed"),
        (f"json://127.0.0.1/x {SECRET}", "address 2 is none"),
        (f"{SECRET}=json://127.0.0.1/x", r"address 1 \(json\) names a topic that there is not"),
        (" ", "names nobody"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_number_and_kind(
    monkeypatch: pytest.MonkeyPatch, addresses: str, expected: str
) -> None:
    monkeypatch.setenv("CUBEFEED_ALERTS", addresses)
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert isinstance(done.exception, DeclarationError)
    with pytest.raises(DeclarationError, match=f"CUBEFEED_ALERTS.*{expected}.*Next: ") as raised:
        raise done.exception
    assert SECRET not in str(raised.value)
