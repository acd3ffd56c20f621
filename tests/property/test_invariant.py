"""Random histories of a directory against the invariant."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from flows.landing import missing_files as missing
from flows.landing import settling
from flows.store import ledger_file
from tests.conftest import Note
from tests.property.histories import run_histories
from tests.property.rules import Content, Precedence
from tests.property.stepped_feed import Cubes, Kind, Ledgers, SteppedFeed

NAMES = ("a.csv", "b.csv", "c9.csv", "c10.csv", "n/a.csv", "s/a.csv")
KEYS = st.integers(1, 5)
ROWS = st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=3).map(lambda rows: Content(tuple(rows)))
KINDS = (
    Kind(),
    Kind(unload_deleted=True),
    Kind(precedence="name"),
    Kind(precedence="column"),
    Kind(precedence="name", unload_deleted=True, derived=True),
    Kind(keyed=False, derived=True),
    Kind(keyed=False, unload_deleted=True),
    Kind(keyed=False, copies=True),
    Kind(keyed=False, copies=True, unload_deleted=True),
)
EXAMPLES = 501
PARTS = 3
"""Each part has a seed of its own, so that several processes can share the work."""
DEEP_EXAMPLES = 20_000
DEEP_PARTS = 40
STEPS = 25
steps: Counter[str] = Counter()
histories: list[set[str]] = []
lengths: list[int] = []
new_states: Counter[str] = Counter()


class Histories(RuleBasedStateMachine):
    """Each rule is one kind of step; it picks its files from what is there."""

    living: SteppedFeed
    cubes: Cubes

    @initialize(kind=st.sampled_from(KINDS), content=ROWS)
    def begin(self, kind: Kind, content: Content) -> None:
        self.living = SteppedFeed(self.cubes, kind)
        self.kinds: list[str] = []
        self.steps: list[str] = []
        self.past: dict[str, list[Content]] = {}
        self.put(NAMES[0], content)
        self.living.step()

    def teardown(self) -> None:
        if hasattr(self, "living"):
            histories.append(set(self.kinds))
            lengths.append(len(self.kinds))
            difference = self.living.rebuilt_differently() or self.living.restored_differently()
            shown = self.living.both()
            new_states["tried"] += self.living.follows_from_the_directory()
            difference = difference or self.living.under_a_new_state()
            self.living.close()
            assert difference is None, "\n".join([*self.steps, shown, difference])

    def there(self, pick: int) -> str:
        return self.files()[pick % len(self.files())]

    def files(self) -> list[str]:
        """All but archives."""
        return sorted(name for name, content in self.living.contents.items() if content.members is None)

    def has_files(self) -> bool:
        return bool(self.files())

    def several_contents(self) -> list[str]:
        return [name for name in sorted(self.past) if len(self.past[name]) > 1]

    def gone(self) -> list[str]:
        return sorted(self.past.keys() - self.living.contents.keys())

    def free(self, pick: int) -> str:
        names = [name for name in NAMES if name not in self.living.contents] or NAMES
        return names[pick % len(names)]

    def done(self, kind: str, *, step: bool = True) -> None:
        if step:
            self.living.step()
        self.kinds.append(kind)
        steps[kind] += 1
        self.steps.append(f"{kind}: {self.living.contents}")
        difference = self.living.differences()
        assert difference is None, "\n".join([*self.steps, self.living.both(), difference])

    def put(self, name: str, content: Content, *, again: bool = False) -> None:
        """Write a file, which no rule refuses unless it is there `again`, or is to be refused."""
        content = content if again else content.fitting(self.living.rules)
        self.past.setdefault(name, []).append(content)
        self.living.write(name, content)

    @rule(pick=st.integers(0, 9), content=ROWS)
    def write(self, pick: int, content: Content) -> None:
        self.put(self.free(pick), content)
        self.done("write")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9), content=ROWS)
    def correct(self, pick: int, content: Content) -> None:
        self.put(self.there(pick), content)
        self.done("correct")

    @precondition(lambda self: bool(self.several_contents()))
    @rule(pick=st.integers(0, 9), which=st.integers(0, 9))
    def revert(self, pick: int, which: int) -> None:
        names = self.several_contents()
        name = names[pick % len(names)]
        self.put(name, self.past[name][which % len(self.past[name])], again=True)
        self.done("revert")

    @rule(compacting=st.booleans())
    def declare_otherwise_and_back(self, compacting: bool) -> None:
        difference = self.living.declare_otherwise_and_back(compacting=compacting)
        assert difference is None, "\n".join([*self.steps, self.living.both(), difference])
        self.done("declared otherwise and back")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9), to=st.integers(0, 9))
    def rename(self, pick: int, to: int) -> None:
        name, new = self.there(pick), self.free(to)
        if new != name:
            self.living.rename(name, new)
            self.done("rename")

    @precondition(lambda self: len(self.files()) > 1)
    @rule(pick=st.integers(0, 9), to=st.integers(1, 5))
    def rename_over(self, pick: int, to: int) -> None:
        name, over = self.there(pick), self.there(pick + to)
        if name != over:
            self.living.rename(name, over)
            self.done("rename over")

    @precondition(lambda self: len(self.files()) > 1)
    @rule(pick=st.integers(0, 9), to=st.integers(1, 5))
    def swap(self, pick: int, to: int) -> None:
        self.living.swap(self.there(pick), self.there(pick + to))
        self.done("swap")

    @precondition(lambda self: len(self.files()) > 1)
    @rule(pick=st.integers(0, 9), to=st.integers(1, 5), free=st.integers(0, 9))
    def rename_in_a_chain(self, pick: int, to: int, free: int) -> None:
        name, new = self.there(pick), self.free(free)
        others = [each for each in self.files() if each != name]
        over = others[to % len(others)]
        if new not in self.living.contents:
            self.living.rename(over, new)
            self.living.rename(name, over)
            self.done("chain of renames")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9), to=st.integers(0, 9), content=ROWS)
    def move_away_and_write_again(self, pick: int, to: int, content: Content) -> None:
        name, new = self.there(pick), self.free(to)
        if new not in self.living.contents:
            self.living.rename(name, new)
            self.put(name, content)
            self.done("moved away and written again")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9))
    def delete(self, pick: int) -> None:
        self.living.remove(self.there(pick))
        self.done("delete")

    @precondition(lambda self: bool(self.gone()))
    @rule(pick=st.integers(0, 9), content=ROWS)
    def return_(self, pick: int, content: Content) -> None:
        gone = self.gone()
        name = gone[pick % len(gone)]
        self.put(name, self.past[name][-1], again=True)
        self.done("return")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9), to=st.integers(0, 9))
    def deliver_again(self, pick: int, to: int) -> None:
        name, new = self.there(pick), self.free(to)
        if new != name:
            self.put(new, self.living.contents[name], again=True)
            self.done("re-delivery")

    @precondition(lambda self: bool(self.several_contents()))
    @rule(pick=st.integers(0, 9), to=st.integers(0, 9))
    def copy_stale(self, pick: int, to: int) -> None:
        names = self.several_contents()
        self.put(self.free(to), self.past[names[pick % len(names)]][-2], again=True)
        self.done("stale copy")

    @rule(pick=st.integers(0, 9), content=ROWS)
    def write_bad(self, pick: int, content: Content) -> None:
        self.put(self.free(pick), content._replace(sound=False))
        self.done("bad file")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9), content=ROWS)
    def correct_badly(self, pick: int, content: Content) -> None:
        self.put(self.there(pick), content._replace(sound=False))
        self.done("refused correction")

    @precondition(has_files)
    @rule(pick=st.integers(0, 9))
    def unload(self, pick: int) -> None:
        self.living.ask(self.there(pick), "unload")
        self.done("unload", step=False)

    @precondition(has_files)
    @rule(pick=st.integers(0, 9))
    def load(self, pick: int) -> None:
        self.living.ask(self.there(pick), "load")
        self.done("load", step=False)

    @precondition(has_files)
    @rule(pick=st.integers(0, 9))
    def force(self, pick: int) -> None:
        self.living.ask(self.there(pick), "load", force=True)
        self.done("force", step=False)

    @precondition(has_files)
    @rule(pick=st.integers(0, 9))
    def reload(self, pick: int) -> None:
        self.living.ask(self.there(pick), "reload")
        self.done("reload", step=False)

    @rule(picks=st.lists(st.integers(0, 9), min_size=2, max_size=3), contents=st.lists(ROWS, min_size=3, max_size=3))
    def change_together(self, picks: list[int], contents: list[Content]) -> None:
        for pick, content in zip(picks, contents, strict=False):
            self.put(NAMES[pick % len(NAMES)], content)
        self.done("several at once")

    @rule(start_after=st.booleans())
    def compact(self, start_after: bool) -> None:
        self.living.compact(start_after=start_after)
        self.done("compaction", step=False)

    @rule(twice=st.booleans())
    def restart(self, twice: bool) -> None:
        for _ in range(1 + twice):
            self.living.die()
            self.living.start()
        self.done("restart")

    @precondition(lambda self: self.living.kind.keyed)
    @rule(precedence=st.sampled_from(["arrival", "name", "column"]))
    def redeclare(self, precedence: Precedence) -> None:
        self.living.redeclare(precedence=precedence, copies=False)
        self.done("another precedence")

    @precondition(lambda self: not self.living.kind.keyed and self.living.has_all_files())
    @rule(copies=st.booleans())
    def redeclare_duplicates(self, copies: bool) -> None:
        """Not while a copy that waits has no file any more, which cannot be loaded."""
        self.living.redeclare(precedence="arrival", copies=copies)
        self.done("other duplicates")

    @rule(pick=st.integers(0, 9), content=ROWS, point=st.sampled_from(["segment", "staged", "applied"]))
    def crash(self, pick: int, content: Content, point: str) -> None:
        self.put(NAMES[pick % len(NAMES)], content)
        self.living.crash_at(point)
        self.done("crash", step=False)


@pytest.fixture(autouse=True)
def settle_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files count as complete, and as gone, as soon as they are seen; what histories share is made and closed."""
    monkeypatch.setattr(logging.getLogger("flows.ingest.table_fill"), "disabled", True)
    monkeypatch.setattr(logging.getLogger("flows.landing.monitor"), "disabled", True)
    for name in ("NO_NEWLINE_S", "OPEN_S", "EMPTY_S"):
        monkeypatch.setattr(settling, name, 0.0)
    monkeypatch.setattr(missing, "GONE_S", 0.0)
    monkeypatch.setattr(missing, "GONE_SCANS", 0)
    with Ledgers() as ledgers, Cubes() as cubes:
        monkeypatch.setattr(ledger_file, "create_engine", ledgers.open)
        monkeypatch.setattr(Histories, "cubes", cubes, raising=False)
        yield


def run(examples: int, *, part: int = 0) -> None:
    """Run histories: the same ones every time, others in every part."""
    for counted in (steps, histories, lengths, new_states):
        counted.clear()
    run_histories(Histories, examples, steps=STEPS, part=part)


def what_was_tried() -> str:
    """How long the histories were and what happened in them, held to a minimum."""
    count = len(histories)
    shares = {kind: sum(kind in history for history in histories) / count for kind in steps}
    average = sum(lengths) / count
    rare_first = sorted(shares.items(), key=lambda item: item[1])
    summary = "\n".join(f"  {share:4.0%} of them have a step of kind {kind}" for kind, share in rare_first)
    summary = f"{count} histories of {average:.1f} steps on average\n{summary}"
    assert average >= 13, summary
    assert new_states["tried"] >= count * 0.05, f"{new_states}\n{summary}"
    assert min(shares.values()) >= 0.02, summary  # what is drawn changes with every constant of the code
    assert len(shares) == 25, summary
    return summary


@pytest.mark.parametrize("again", ["force", "revert"])
def test_what_a_path_showed_again_was_not_given_up_when_it_was_renamed_to_other_values(again: str) -> None:
    history, same = Histories(), Content(((1, 3),))
    history.begin(kind=Kind(), content=same)
    try:
        if again == "revert":
            history.correct(pick=0, content=Content(((1, 4),)))
            history.revert(pick=0, which=0)
        else:
            history.force(pick=0)
        history.rename(pick=0, to=3)
        history.move_away_and_write_again(pick=0, to=3, content=same)
        assert sorted(history.living.contents) == ["c10.csv", "n/a.csv"]
    finally:
        history.teardown()


def test_what_a_column_let_in_stays_and_what_was_refused_meanwhile_is_judged_anew_when_it_decides_again() -> None:
    history, repeats = Histories(), Content(((1, 3), (1, 4)))
    history.begin(kind=Kind(precedence="column"), content=repeats)
    try:
        history.redeclare(precedence="arrival")
        history.force(pick=0)
        history.correct(pick=0, content=Content(((1, 5),)))
        history.revert(pick=0, which=0)
        history.redeclare(precedence="column")
    finally:
        history.teardown()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_cube_equals_the_fold_after_any_history(note: Note, part: int) -> None:
    run(EXAMPLES // PARTS, part=part)
    note(what_was_tried())


@pytest.mark.deep
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS, PARTS + DEEP_PARTS))
def test_the_cube_equals_the_fold_after_very_many_histories(note: Note, part: int) -> None:
    run(DEEP_EXAMPLES // DEEP_PARTS, part=part)
    note(what_was_tried())
