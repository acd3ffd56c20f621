"""Random histories of archives and of the files beside them, against the same rules."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.conftest import Note
from tests.property.histories import run_histories
from tests.property.rules import Content
from tests.property.test_invariant import ROWS, Histories, settle_at_once  # noqa: F401  # a fixture

ARCHIVES = ("x.zip", "s/y.zip", "z.zip")
MEMBERS = ("a.csv", "b10.csv", "n/a.csv")
EXAMPLES = 60
STEPS = 20
DEEP_EXAMPLES = 10_000
DEEP_PARTS = 20
PICK = st.integers(0, 9)
MEMBER_ROWS = st.dictionaries(st.sampled_from(MEMBERS), ROWS, min_size=1, max_size=3)

steps: Counter[str] = Counter()


class ArchiveHistories(Histories):
    """The same histories, in which archives come, change, are refused, move and go."""

    def archives(self) -> list[str]:
        return sorted(name for name, content in self.living.contents.items() if content.members is not None)

    def archive(self, pick: int) -> str:
        return self.archives()[pick % len(self.archives())]

    def free_archive(self, pick: int) -> str:
        free = [name for name in ARCHIVES if name not in self.living.contents] or ARCHIVES
        return free[pick % len(free)]

    def has_archives(self) -> bool:
        return bool(self.archives())

    def member(self, pick: int, which: int) -> str:
        """A path in an archive, which may have it or not."""
        known = sorted(path for path in self.living.rules.paths if path.startswith(f"{self.archive(pick)}/"))
        return known[which % len(known)] if known else self.archive(pick)

    def pack(self, name: str, members: dict[str, Content], *, sound: bool = True) -> None:
        content = Content((), sound, tuple(sorted(members.items()))).fitting(self.living.rules)
        self.living.write(name, content)

    def packed(self, kind: str, *, step: bool = True) -> None:
        steps[kind] += 1
        self.done(kind, step=step)

    @rule(pick=PICK, members=MEMBER_ROWS)
    def write_archive(self, pick: int, members: dict[str, Content]) -> None:
        self.pack(self.free_archive(pick), members)
        self.packed("archive")

    @precondition(has_archives)
    @rule(pick=PICK, which=st.sampled_from(MEMBERS), content=ROWS | st.none())
    def change_member(self, pick: int, which: str, content: Content | None) -> None:
        """It is another one, or a new one, or the archive lacks it."""
        name = self.archive(pick)
        members = {each: held._replace(sound=True) for each, held in self.living.contents[name].members or ()}
        members.pop(which, None)
        if content is not None or not members:
            members[which] = content or Content(())
        self.pack(name, members)
        self.packed("changed member")

    @rule(pick=PICK, members=MEMBER_ROWS, bad=st.sampled_from(MEMBERS))
    def refused_member(self, pick: int, members: dict[str, Content], bad: str) -> None:
        self.pack(ARCHIVES[pick % 3], members | {bad: Content(((1, 1),), sound=False)})
        self.packed("refused member")

    @rule(pick=PICK, members=MEMBER_ROWS)
    def no_archive(self, pick: int, members: dict[str, Content]) -> None:
        self.pack(ARCHIVES[pick % 3], members, sound=False)
        self.packed("no archive")

    @precondition(has_archives)
    @rule(pick=PICK, to=PICK)
    def rename_archive(self, pick: int, to: int) -> None:
        name, new = self.archive(pick), self.free_archive(to)
        if name != new:
            self.living.rename(name, new)
            self.packed("renamed archive")

    @rule(pick=PICK, to=st.integers(1, 2), over=st.booleans(), members=MEMBER_ROWS)
    def exchange_archives(self, pick: int, to: int, over: bool, members: dict[str, Content]) -> None:
        """Two change their places, or one takes that of another; those that were not there come at once."""
        name, other = ARCHIVES[pick % 3], ARCHIVES[(pick + to) % 3]
        for each in (name, other):
            if each not in self.living.contents:
                self.pack(each, members)
        if over:
            self.living.rename(name, other)
        else:
            self.living.swap(name, other)
        self.packed("exchanged archives")

    @precondition(has_archives)
    @rule(pick=PICK)
    def delete_archive(self, pick: int) -> None:
        self.living.remove(self.archive(pick))
        self.packed("deleted archive")

    @precondition(lambda self: self.has_files())
    @rule(pick=PICK, to=PICK, which=st.sampled_from(MEMBERS), keep=st.booleans())
    def pack_a_file(self, pick: int, to: int, which: str, keep: bool) -> None:
        """A file that lies there comes in an archive too, or instead."""
        name = self.there(pick)
        content = self.living.contents[name]
        self.pack(self.free_archive(to), {which: content, "copy.csv": content})
        if not keep:
            self.living.remove(name)
        self.packed("packed file")

    @precondition(has_archives)
    @rule(pick=PICK, which=PICK, kind=st.sampled_from(["load", "unload", "reload"]), force=st.booleans())
    def ask_for_a_member(self, pick: int, which: int, kind: str, force: bool) -> None:
        self.living.ask(self.member(pick, which), kind, force=force and kind == "load")
        self.packed("asked for a member", step=False)

    @precondition(has_archives)
    @rule(pick=PICK, kind=st.sampled_from(["load", "unload", "reload"]), force=st.booleans())
    def ask_for_an_archive(self, pick: int, kind: str, force: bool) -> None:
        self.living.ask(self.archive(pick), kind, force=force and kind == "load")
        self.packed("asked for an archive", step=False)

    @rule(pick=PICK, members=MEMBER_ROWS, point=st.sampled_from(["segment", "staged", "applied"]))
    def crash_over_an_archive(self, pick: int, members: dict[str, Content], point: str) -> None:
        self.pack(ARCHIVES[pick % 3], members)
        self.living.crash_at(point)
        self.packed("crash over an archive", step=False)


def run(examples: int, *, part: int = 0) -> None:
    """Run histories: the same ones every time, others in every part."""
    steps.clear()
    run_histories(ArchiveHistories, examples, steps=STEPS, part=part)


def what_was_tried(examples: int) -> str:
    """How often each kind of step was, held to a minimum."""
    assert len(steps) == 11, steps
    assert min(steps.values()) >= examples * 0.03, steps
    return ", ".join(f"{kind} {count}" for kind, count in sorted(steps.items()))


@pytest.mark.timeout(600)
def test_the_cube_equals_the_fold_after_histories_of_archives(note: Note) -> None:
    run(EXAMPLES)
    note(what_was_tried(EXAMPLES))


@pytest.mark.deep
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(1, DEEP_PARTS + 1))
def test_the_cube_equals_the_fold_after_very_many_histories_of_archives(note: Note, part: int) -> None:
    run(DEEP_EXAMPLES // DEEP_PARTS, part=part)
    note(what_was_tried(DEEP_EXAMPLES // DEEP_PARTS))
