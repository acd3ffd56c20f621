"""What the environment may set, and what it is told where it may not."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from flows.errors import DeclarationError
from flows.settings import MEMORY, PREFIX, TOKEN_VARIABLE, Settings, variables
from tests.repository import FLOWS, ROOT

CODE = [*FLOWS.rglob("*.py"), *(ROOT / "deployments").glob("*.[py]*"), ROOT / "Makefile"]
OTHERS = {
    "HOST": "0.0.0.0", "LANDING": "elsewhere", "LOG_LEVEL": "DEBUG", "MEMORY": "4GB", "OBSERVER": "polling",
    "PORT": "1", "PREFECT_PORT": "2", "PROXY": "10.0.0.1", "SETTLE_S": "0.5", "STATE": "there", "ENGINE": "atoti",
    "DATASETS": "stock", "NAME": "eu",
}  # fmt: skip


@pytest.mark.parametrize("size", [MEMORY, "100%", "0.5%", "4GB", "500 MB", "1.5TB"])
def test_memory_is_a_size_or_a_share(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("CUBEFEED_MEMORY", size)
    assert Settings.read().memory == size


@pytest.mark.parametrize("size", ["100.1%", "0%", "0GB", "4", "-1GB", "4 bytes", "4GB;"])
def test_memory_that_nobody_has_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("CUBEFEED_MEMORY", size)
    with pytest.raises(
        DeclarationError, match=r"CUBEFEED_MEMORY cannot be used .*Next: set it to a size or a share, such as 4GB"
    ):
        Settings.read()


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("PORT", "65536", "a port from 0 to 65535"),
        ("PREFECT_PORT", "http", "a port from 0 to 65535"),
        ("SETTLE_S", "-1", "0 or more seconds"),
        ("SETTLE_S", "inf", "0 or more seconds"),
        ("OBSERVER", "Native", "auto or native or polling"),
        ("LOG_LEVEL", "loud", "DEBUG or INFO or WARNING or ERROR"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, expected: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, text)
    with pytest.raises(DeclarationError, match=f"{PREFIX}{variable} cannot be used .*Next: set it to {expected}"):
        Settings.read()


def test_another_process_reads_the_same_settings_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in OTHERS.items():
        monkeypatch.setenv(PREFIX + name, text)
    monkeypatch.setenv(TOKEN_VARIABLE.name, "secret")
    found = Settings.read()
    assert all(getattr(found, each.name) != each.default for each in fields(Settings))
    handed_on = found.environment()
    assert "secret" not in handed_on.values()
    for name, text in handed_on.items():
        monkeypatch.setenv(name, text)
    assert Settings.read() == found


def test_what_is_given_comes_before_the_environment_and_an_empty_variable_is_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUBEFEED_STATE", "there")
    monkeypatch.setenv("CUBEFEED_PORT", "")
    assert Settings.read(state=Path("here"), port=None) == replace(Settings.read(), state=Path("here"))
    assert Settings.read().port == Settings.port


def test_every_variable_that_the_code_names_is_declared() -> None:
    named = {name for file in CODE for name in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))}
    assert named <= {variable.name for variable in variables()}
    assert TOKEN_VARIABLE.name in named
