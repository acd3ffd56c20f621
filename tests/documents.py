"""The project's documents as readers have them: their blocks, what they tell to type, their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.repository import ROOT

README = ROOT / "README.md"
RUNNING = ROOT / "deployments" / "README.md"
REFERENCE = ROOT / "deployments" / "REFERENCE.md"
DECLARING = ROOT / "flows" / "datasets" / "README.md"
ASKING = ROOT / "flows" / "web" / "README.md"
SECURITY = ROOT / ".github" / "SECURITY.md"
_BLOCK = re.compile(r"^```(?P<language>\w*) ?(?P<note>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: what stands behind its fence.
        note: what stands behind that, which readers do not see.
        text: its lines.
        line: where it begins.
    """

    language: str
    note: str
    text: str
    line: int


class Typed(NamedTuple):
    """A line to type.

    Args:
        line: without what stands behind a `#`.
        shown: what stands below it; empty where nothing does.
    """

    line: str
    shown: str


def documents() -> list[Path]:
    """All that is written for people, but for what the environment has."""
    places = [ROOT, *(ROOT / name for name in (".github", "data", "deployments", "flows", "tests"))]
    here = {file for place in places for file in (place.glob("*.md") if place == ROOT else place.rglob("*.md"))}
    return sorted(file for file in here if "node_modules" not in file.parts)


def blocks(document: Path, *languages: str) -> list[Block]:
    """The fenced blocks of these languages, in order."""
    text = document.read_text(encoding="utf-8")
    found = [Block(each["language"], each["note"], each["text"], text.count("\n", 0, each.start()) + 1)
             for each in _BLOCK.finditer(text)]  # fmt: skip
    return [block for block in found if block.language in languages]


def typed(document: Path) -> list[Typed]:
    """What a document tells to type, in order."""
    found = []
    for block in blocks(document, "console"):
        for each in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, shown = each.partition("\n")
            found.append(Typed(re.split(r"\s+# ", line)[0].strip(), shown))
    return found


def anchors(document: Path) -> set[str]:
    """Where links into a document may lead, as GitHub makes them of its headings."""
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in _HEADING.findall(text)}


def links(document: Path) -> list[str]:
    """Its links that lead to no other computer."""
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    return [each for each in _LINK.findall(text) if "://" not in each and not each.startswith("mailto:")]
