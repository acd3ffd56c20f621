"""Random declarations, histories of files and questions: every answer is that of a plain model with exact fractions.

Facts with derived columns are joined to products, and those to suppliers. Files of all three land, are corrected,
refused and deleted, sessions end and start again; each question goes from its text to its answer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.port import Cube
from flows.errors import DeclarationError
from flows.model.calculated import Formula
from flows.model.query import Order
from flows.model.question import OTHERS, Question, Top
from flows.model.row_query import RowQuery
from flows.model.tables import TOTAL_DEPTH, Table
from flows.web.conditions import parse_having, parse_where
from tests.cube_answers import answer_of
from tests.property.opened_feed import opened_feed
from tests.property.plain_cube import PlainCube, meets
from tests.property.plain_questions import Asked, Group, answer
from tests.property.shop_questions import formulas, questions
from tests.property.shops import CONTENTS, SHOP, Files, Shop, cube_rows, text_of
from tests.property.stepped_feed import SCRATCH
from tests.property.test_invariant import settle_at_once  # noqa: F401  # a fixture that every history needs

NAMES = ("a.csv", "b.csv", "c.csv")
QUESTIONS = 4
"""After each step."""


class Story:
    """A shop kept live, and beside it what its files say."""

    def __init__(self, stack: ExitStack, shop: Shop, known: Mapping[str, Formula]) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cubefeed-shop-", dir=SCRATCH))
        stack.callback(shutil.rmtree, self.root)
        self.shop, self.known = shop, known
        self.files = {"products": Files("Product"), "suppliers": Files("ID")}
        self.files["facts"] = Files("ID" if shop.keyed else None)
        for name in self.files:
            (self.root / name).mkdir()
        try:
            self.datasets = shop.datasets(self.root, known)
        except DeclarationError as refused:
            assume("38" not in str(refused))
            raise
        tables = tuple(dataset.table for dataset in self.datasets.values())
        self.cube: Cube = stack.enter_context(closing(DuckDbCube(tables)))
        self._clock = 0
        self._session = stack.enter_context(ExitStack())
        self._open()

    @property
    def table(self) -> Table:
        return self.datasets["facts"].table

    def _open(self) -> None:
        self._feed = opened_feed(self._session, self.root, self.datasets.values(), self.cube)

    def start_again(self) -> None:
        """The session ends, and starts again."""
        self._session.close()
        self._open()

    def write(self, table: str, name: str, rows: list[dict[str, Any]]) -> None:
        """A file lands, or is corrected."""
        file = self.root / table / name
        file.write_text(text_of(rows))
        self._clock += 1
        os.utime(file, ns=(1_600_000_000 * 10**9 + self._clock * 10**6,) * 2)
        computed = self.shop.computed if table == "facts" else lambda row: row
        self.files[table].write(name, [computed(row) for row in rows])

    def remove(self, table: str, name: str) -> None:
        """A file is deleted, unless it is the last one: an empty directory is taken for one that is away."""
        files = self.files[table]
        if name in files.present and len(files.present) > 1:
            (self.root / table / name).unlink()
            files.remove(name)

    def look(self) -> None:
        """All that is there is worked on."""
        self._feed.work()

    def ask(self, asked: Asked) -> tuple[list[dict[str, Any]], int, tuple[str, ...]]:
        """What the product answers, as rows, how many there are, and what does not fit."""
        question = Question(
            "facts",
            asked.measures,
            asked.by,
            parse_where(self.table, asked.where_texts),
            parse_having(self.table, asked.having_texts),
            tuple(Order(*each) for each in asked.sort),
            None if asked.top is None else Top(*asked.top),
            asked.others,
            asked.totals,
            asked.limit,
            asked.offset,
        )
        found = answer_of(self.cube, question, most_rows=10_000)
        return found.rows.to_dicts(), found.count, found.too_large

    def check(self, asked: Asked) -> None:
        """The answer is that of the model, and so are the rows behind it."""
        plain = PlainCube(cube_rows(self.shop, self.files), asked.by, self.known)
        found, count, too_large = self.ask(asked)
        if too_large:  # more than 38 digits
            return
        groups, total = answer(plain, asked)
        expected = [self._shown(asked, group) for group in groups]
        assert [_exact(row) for row in found] == [_near(row, each) for row, each in zip(found, expected, strict=True)]
        assert count == total
        page = self.cube.rows(RowQuery("facts", parse_where(self.table, asked.where_texts)))
        assert page.count == sum(meets(row, asked.where) for row in plain.rows)

    def _shown(self, asked: Asked, group: Group) -> dict[str, Any]:
        levels = {name: self.shop.shown(name, group.values[name]) for name in asked.by}
        row = levels | {name: group.values[name] for name in asked.measures}
        row |= {TOTAL_DEPTH: group.depth} if asked.totals else {}
        return row | ({OTHERS: group.others} if asked.others else {})


def _exact(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Fraction(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _near(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """What is expected; to their last digits where floats were found."""
    return {
        name: pytest.approx(float(value)) if isinstance(found.get(name), float) and value is not None else value
        for name, value in expected.items()
    }


def tell(shop: Shop, known: Mapping[str, Formula], data: st.DataObject) -> None:
    """A story, with questions after each of its steps."""
    with ExitStack() as stack:
        story = Story(stack, shop, known)
        for table, content in CONTENTS.items():
            if table == "facts" or data.draw(st.booleans(), label=f"there are {table}"):
                story.write(table, "a.csv", data.draw(content, label=table))
        for step in range(data.draw(st.integers(1, 4), label="steps")):
            if step:
                act(story, data)
            story.look()
            for _ in range(QUESTIONS):
                story.check(data.draw(questions(shop, known), label="question"))


def act(story: Story, data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(["write", "write", "write", "remove", "start again"]), label="what happens")
    if what == "start again":
        return story.start_again()
    table = data.draw(st.sampled_from(sorted(CONTENTS)), label="table")
    name = data.draw(st.sampled_from(NAMES), label="file")
    if what == "remove":
        return story.remove(table, name)
    return story.write(table, name, data.draw(CONTENTS[table], label="rows"))


@pytest.mark.parametrize("examples", [8, pytest.param(1_500, marks=pytest.mark.deep)])
def test_answers_over_a_history_are_those_of_a_plain_model(examples: int) -> None:
    told = given(SHOP, formulas(), st.data())(tell)
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    settings(max_examples=examples, deadline=None, suppress_health_check=checks)(told)()
