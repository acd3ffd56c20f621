"""What the documents name is there, and what is made of the code is as the code has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import README, REFERENCE, anchors, documents, links
from tests.reference import found, made
from tests.repository import ROOT

ARCHITECTURE = (ROOT / "flows" / "README.md").read_text(encoding="utf-8")
STORE = (ROOT / "flows" / "store" / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECURITY = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
TESTS = [path.name for path in (ROOT / "tests").rglob("*.py")]
MOST_LINES = 300
MOST_WORDS = 30
MOST_README_LINES = 150
MADE = made()


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


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_README_LINES


@pytest.mark.parametrize("document", documents(), ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", documents(), ids=lambda document: str(document.relative_to(ROOT)))
def test_every_place_of_the_repository_that_is_named_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w./-])(?:flows|tests|deployments|\.github)/[\w./-]*\w", text)
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_target_of_make_that_is_named_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {each for document in documents() for each in re.findall(r"(?:`|\$ )make ([a-z-]+)", document.read_text())}
    assert len(named) > 10 and named <= set(targets)


@pytest.mark.parametrize("part", MADE)
def test_the_reference_is_what_the_code_says(part: str) -> None:
    written = found(REFERENCE.read_text(encoding="utf-8"))
    assert written[part].splitlines() == MADE[part].splitlines(), "python -m tests.reference writes it"
