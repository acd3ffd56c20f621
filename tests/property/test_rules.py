"""What is planned of random histories in memory, against the rules."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from flows.model.precedence import ByArrival, ByColumn, ByName, Meaning
from tests.property.histories import run_histories
from tests.property.planned import Planned, values_of
from tests.property.rules import Content, File, Precedence, Row, Rules

NAMES = ("a.csv", "b.csv", "c10.csv", "c9.csv", "n/a.csv", "s/a.csv")
ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=3).map(tuple)
PICK = st.integers(0, 5)
MEANINGS: dict[Precedence, ByArrival | ByName | ByColumn] = {
    "arrival": ByArrival(),
    "name": ByName(),
    "column": ByColumn("Value"),
}
EXAMPLES = 300
DEEP_EXAMPLES = 20_000


class Histories(RuleBasedStateMachine):
    """Files come, change, move and go; looks and requests come between."""

    @initialize(
        keyed=st.booleans(), copies=st.booleans(), unload=st.booleans(), precedence=st.sampled_from(sorted(MEANINGS))
    )
    def begin(self, keyed: bool, copies: bool, unload: bool, precedence: Precedence) -> None:
        copies, precedence = copies and not keyed, precedence if keyed else "arrival"
        self.model = Rules(keyed, precedence, copies, unload, values=lambda path: (values_of(path.encode()),))
        self.planned = Planned(Meaning(keyed, MEANINGS[precedence], copies, unload))
        self.directory: dict[str, File] = {}
        self.seen: dict[str, File] = {}
        self.past: list[Content] = []
        self.steps: list[str] = [str(self.planned.meaning)]
        self.clock = 0

    def there(self, pick: int) -> str:
        return sorted(self.directory)[pick % len(self.directory)]

    def put(self, name: str, content: Content, *, in_place: bool = False) -> None:
        self.clock += 1
        content = content.fitting(self.model)
        before = self.directory.get(name)
        inode = before.inode if in_place and before else self.clock
        self.directory[name] = File(content, inode, self.clock, len(content.rows))
        self.past.append(content)
        self.steps.append(f"{name}: {self.directory[name]}")

    @rule(pick=PICK, rows=ROWS, sound=st.sampled_from([True] * 5 + [False]), in_place=st.booleans())
    def write(self, pick: int, rows: tuple[Row, ...], sound: bool, in_place: bool) -> None:
        self.put(NAMES[pick], Content(rows, sound), in_place=in_place)

    @precondition(lambda self: self.past)
    @rule(pick=PICK, which=st.integers(0, 20))
    def deliver_again(self, pick: int, which: int) -> None:
        self.put(NAMES[pick], self.past[which % len(self.past)])

    @precondition(lambda self: self.directory)
    @rule(pick=PICK, to=PICK)
    def rename(self, pick: int, to: int) -> None:
        name = self.there(pick)
        if NAMES[to] != name:
            self.directory[NAMES[to]] = self.directory.pop(name)
            self.steps.append(f"{name} renamed to {NAMES[to]}")

    @precondition(lambda self: len(self.directory) > 1)
    @rule(pick=PICK, to=PICK)
    def swap(self, pick: int, to: int) -> None:
        one, other = self.there(pick), self.there(to)
        self.directory[one], self.directory[other] = self.directory[other], self.directory[one]
        self.steps.append(f"{one} and {other} swapped")

    @precondition(lambda self: self.directory)
    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        name = self.there(pick)
        del self.directory[name]
        self.steps.append(f"{name} deleted")

    @rule(again=st.booleans())
    def look(self, again: bool) -> None:
        if not self.directory:
            return
        touched = {name: file for name, file in self.directory.items() if self.seen.get(name) != file}
        gone = [name for name in self.seen if name not in self.directory]
        self.model.look(self.directory, list(touched))
        self.planned.look(touched, gone)
        self.seen = dict(self.directory)
        self.compare("look")

    @precondition(lambda self: self.seen)
    @rule(pick=PICK)
    def unload(self, pick: int) -> None:
        name = sorted(self.seen)[pick % len(self.seen)]
        self.model.unload(name)
        self.planned.unload(name)
        self.compare(f"unload {name}")

    @precondition(lambda self: self.seen)
    @rule(pick=PICK)
    def load(self, pick: int) -> None:
        name = sorted(self.seen)[pick % len(self.seen)]
        self.model.load(name)
        self.planned.look({name: self.seen[name]}, [], mode="load")
        self.compare(f"load {name}")

    def compare(self, step: str) -> None:
        self.steps.append(step)
        expected = [(key, value, folder) for key, value, (folder,) in self.model.cube()]
        assert self.planned.cube() == expected, "\n".join(self.steps)
        assert self.planned.live == self.planned.ranks(), "\n".join(self.steps)


def run(examples: int, part: int) -> None:
    run_histories(Histories, examples, steps=25, part=part)


def test_what_is_planned_of_any_history_gives_the_cube_of_the_rules() -> None:
    run(EXAMPLES, part=0)


@pytest.mark.deep
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(1, 5))
def test_what_is_planned_of_very_many_histories_gives_the_cube_of_the_rules(part: int) -> None:
    run(DEEP_EXAMPLES, part=part)
