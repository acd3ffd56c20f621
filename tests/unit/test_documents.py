"""What the documents for engineers name is there."""

from __future__ import annotations

import re

import pytest

from tests.repository import ROOT

ARCHITECTURE = (ROOT / "flows" / "README.md").read_text(encoding="utf-8")
STORE = (ROOT / "flows" / "store" / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECURITY = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
TESTS = [path.name for path in (ROOT / "tests").rglob("*.py")]
MOST_LINES = 300
MOST_WORDS = 30


def paths_in(text: str) -> list[str]:
    """What looks like a path, with its last part."""
    return re.findall(r"(?<![\w./-])(?:[a-z_]+/)+(?:[a-z_*]+\.[a-z]+)?(?![\w*])", text)


@pytest.mark.parametrize("path", sorted(set(paths_in(ARCHITECTURE + STORE))))
def test_every_path_in_the_architecture_is_there(path: str) -> None:
    assert (ROOT / "flows" / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("path", sorted(set(paths_in(CONTRIBUTING) + paths_in(SECURITY))))
def test_every_path_for_contributors_is_there(path: str) -> None:
    assert list(ROOT.glob(path)) or list((ROOT / ".github").glob(path))


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(test_[a-z_*]+\.py)`", ARCHITECTURE + CONTRIBUTING)
    assert named
    for name in named:
        pattern = re.compile(name.replace("*", ".*"))
        assert any(pattern.fullmatch(test) for test in TESTS), name


def test_the_architecture_is_short_and_its_words_are_few() -> None:
    assert len(ARCHITECTURE.splitlines()) <= MOST_LINES
    assert ARCHITECTURE.partition("## Words")[2].count("\n| ") - 1 <= MOST_WORDS
