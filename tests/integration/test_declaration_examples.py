"""Each example of how a dataset is declared runs, takes the file behind it, and none of the options is without one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import cubefeed
import pytest

from flows.ingest.offline_check import LocatedFile, check_located
from flows.model.dataset import Dataset
from flows.model.formats.cell_text import Cells
from tests.documents import DECLARING, Block, blocks

ENDINGS = {"csv": "example.csv", "json": "example.jsonl"}
EXAMPLES = blocks(DECLARING, "python", *ENDINGS)
TEXT_OPTIONS = {each.name for each in fields(Cells)} | {"first_year", "columns"}
"""How text is read, alike in all formats: declared for CSV once."""


@pytest.fixture(scope="module")
def declared() -> dict[int, Dataset]:
    """Line of a block → the dataset that was declared last before it."""
    names: dict[str, Any] = {}
    found: dict[int, Dataset] = {}
    new: list[Dataset] = []
    for block in EXAMPLES:
        if block.language == "python":
            before = {id(each) for each in names.values()}
            exec(compile(block.text, f"{DECLARING.name}:{block.line}", "exec"), names)
            new = [each for each in names.values() if isinstance(each, Dataset) and id(each) not in before]
            assert new, f"line {block.line} declares no dataset"
        else:
            found[block.line] = new[-1]
    return found


@pytest.mark.parametrize("block", [block for block in EXAMPLES if block.language in ENDINGS], ids=lambda b: str(b.line))
def test_an_example_takes_the_file_behind_it(block: Block, declared: dict[int, Dataset], tmp_path: Path) -> None:
    path = block.note or ENDINGS[block.language]
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(block.text, encoding="utf-8")
    ((_, verdict),) = check_located(declared[block.line], [LocatedFile(path, tmp_path, path)])
    assert verdict.accepted and verdict.rows and not verdict.refused, verdict


def test_every_option_has_an_example() -> None:
    declarable = {name: public for name in cubefeed.__all__ if is_dataclass(public := getattr(cubefeed, name))}
    lacking = {name: {each.name for each in fields(public) if each.init} for name, public in declarable.items()}
    for options in map(lacking.get, ("Cells", "Excel", "JsonLines", "Parquet")):
        assert options is not None
        options -= TEXT_OPTIONS
    unused = set(declarable)
    for call in _calls():
        if isinstance(call.func, ast.Name) and call.func.id in declarable:
            name = call.func.id
            unused.discard(name)
            lacking[name] -= {word.arg for word in call.keywords if word.arg}
            lacking[name] -= {each.name for each in fields(declarable[name])[: len(call.args)]}
    assert not unused and not {name: options for name, options in lacking.items() if options}


def _calls() -> Iterator[ast.Call]:
    trees = (ast.parse(block.text) for block in EXAMPLES if block.language == "python")
    return (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
