"""What the environment may set, and what it is told where it may not."""

from __future__ import annotations

import pytest

from flows.errors import DeclarationError
from flows.settings import MEMORY, Settings


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
