"""Who is suspected after which deaths, and who waits for whom."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flows.datasets.sales import SALES
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.store import suspects
from flows.store.crashes import Crashes
from flows.store.suspects import suspects_in

A, B, C = (SettledFile(name, Signature(1, 2, 3, 4)) for name in (b"a.csv", b"b.csv", b"c.csv"))


def session(state: Path) -> Crashes:
    opened = Crashes(state)
    opened.open()
    return opened


def die_with(state: Path, *landed: SettledFile) -> None:
    """A session that takes files in hand and dies; the kernel closes what it has open."""
    dying = session(state)
    dying.hold(SALES, landed)
    assert dying._note is not None
    dying._note.close()


def is_read(crashes: Crashes, landed: SettledFile, dataset: Dataset = SALES) -> bool:
    with crashes.hold(dataset, [landed]) as held:
        return held.to_read == [landed]


def deaths(state: Path) -> dict[bytes, tuple[int, bool]]:
    return {each.held.path: (each.deaths, each.aside) for each in suspects_in(state)}


def test_one_death_changes_nothing(tmp_path: Path) -> None:
    die_with(tmp_path, A, B)
    after = session(tmp_path)
    assert after.to_read_alone(SALES, [A, B, C]) == set()
    assert is_read(after, A)


def test_what_was_in_hand_at_two_deaths_in_a_row_is_read_alone(tmp_path: Path) -> None:
    die_with(tmp_path, A, B)
    die_with(tmp_path, B, C)
    assert session(tmp_path).to_read_alone(SALES, [A, B, C]) == {b"b.csv"}


def test_a_death_with_other_files_in_hand_breaks_the_row(tmp_path: Path) -> None:
    die_with(tmp_path, A)
    die_with(tmp_path, B)
    die_with(tmp_path, A)
    assert session(tmp_path).to_read_alone(SALES, [A, B]) == set()


def test_only_a_file_that_was_alone_in_hand_at_the_third_death_is_set_aside(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B)
    die_with(tmp_path, A, B)
    assert is_read(session(tmp_path), A)
    die_with(tmp_path, A)
    after = session(tmp_path)
    assert not is_read(after, A)
    assert is_read(after, B)
    assert after.to_read_alone(SALES, [A, B]) == {b"b.csv"}


def test_a_death_while_nothing_was_in_hand_does_not_count(tmp_path: Path) -> None:
    for _ in range(3):
        dying = session(tmp_path)
        dying.hold(SALES, [A]).release()
        assert dying._note is not None
        dying._note.close()
    assert deaths(tmp_path) == {}


def test_a_session_that_was_told_to_end_blames_no_file_even_when_it_is_killed_then(tmp_path: Path) -> None:
    for _ in range(3):
        ending = session(tmp_path)
        ending.hold(SALES, [A])
        ending.end(failed=False)
    assert deaths(tmp_path) == {}


def test_a_session_that_fails_over_a_file_counts(tmp_path: Path) -> None:
    for _ in range(3):
        failing = session(tmp_path)
        failing.hold(SALES, [A])
        failing.end(failed=True)
        failing.close()
    assert not is_read(session(tmp_path), A)


@pytest.mark.parametrize(
    ("dataset", "landed"),
    [
        (SALES, replace(A, signature=Signature(1, 2, 9, 4))),
        (SALES, replace(A, mode="load")),
        (replace(SALES, revision=1), A),
    ],
    ids=["it changes", "somebody asks for it", "its declaration changes"],
)
def test_what_is_set_aside_is_tried_again_alone_when(tmp_path: Path, dataset: Dataset, landed: SettledFile) -> None:
    for _ in range(3):
        die_with(tmp_path, A)
    after = session(tmp_path)
    assert not is_read(after, A)
    assert is_read(after, landed, dataset)
    assert after.to_read_alone(dataset, [landed]) == {b"a.csv"}


def test_a_file_that_was_read_and_recorded_is_harmless(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B)
    after = session(tmp_path)
    after.hold(SALES, [A]).release(recorded=[b"a.csv"])
    assert after.to_read_alone(SALES, [A, B]) == {b"b.csv"}
    assert deaths(tmp_path) == {b"b.csv": (2, False)}


def test_what_is_left_for_later_is_in_hand_no_more(tmp_path: Path) -> None:
    for _ in range(2):
        dying = session(tmp_path)
        dying.hold(SALES, [A, B]).keep([B])
        assert dying._note is not None
        dying._note.close()
    session(tmp_path)
    assert deaths(tmp_path) == {b"b.csv": (2, False)}


def test_files_that_are_read_alone_come_in_groups_of_their_own_after_the_others(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B)
    assert session(tmp_path).groups(SALES, [A, B, C]) == [[C], [A], [B]]


def test_who_has_the_rows_elsewhere_reads_no_suspect(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A)
    with session(tmp_path).hold(SALES, [A, B], without_suspects=True) as held:
        assert held.to_read == [B]
        assert [each for each, _ in held.aside] == [A]


def test_a_file_that_is_gone_is_no_suspect(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B, C)
    after = session(tmp_path)
    after.forget("sales", [b"a.csv"])
    assert after.to_read_alone(SALES, [A, B, C]) == {b"b.csv", b"c.csv"}
    after.forget_absent("sales", {b"c.csv"})
    assert deaths(tmp_path) == {b"c.csv": (2, False)}


def test_what_is_set_aside_is_remembered_though_it_does_not_wait(tmp_path: Path) -> None:
    for _ in range(3):
        die_with(tmp_path, A)
    after = session(tmp_path)
    after.forget_absent("sales", set())
    assert not is_read(after, A)


def test_a_suspect_waits_until_nothing_else_is_in_hand_and_others_wait_for_it(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A)
    both = session(tmp_path)
    held = [both.hold(SALES, [B])]
    order: list[str] = []

    def read() -> None:
        held.append(both.hold(SALES, [A]))
        order.append("a")
        both.hold(SALES, [C])
        order.append("c")

    reading = threading.Thread(target=read)
    reading.start()
    for number, name in ((1, "b"), (2, "a")):
        while len(order) < number - 1:
            reading.join(0.01)
        order.append(f"{name} is recorded")
        held[number - 1].release()
        while len(order) < 2 * number:
            reading.join(0.01)
    reading.join(5)
    assert order == ["b is recorded", "a", "a is recorded", "c"]


def test_nobody_waits_once_the_session_ends(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A)
    ending = session(tmp_path)
    ending.hold(SALES, [B])
    waiting = threading.Thread(target=ending.hold, args=(SALES, [A]))
    waiting.start()
    ending.end(failed=True)
    waiting.join(5)
    assert not waiting.is_alive()


@pytest.mark.parametrize("torn", ["[[", "{}", "[1]", '["sales", "", [["zz", 1, 2, 3, 4]]]\n', "[1, 2, [3]]"])
def test_a_torn_note_says_nothing(tmp_path: Path, torn: str) -> None:
    (tmp_path / "in-hand").write_text(f"{len(torn):012}\n{torn}" if torn != "[[" else torn)
    (tmp_path / "suspects.json").write_text(torn)
    assert session(tmp_path).to_read_alone(SALES, [A]) == set()


def test_the_note_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    (tmp_path / "in-hand").symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        session(tmp_path)
    assert elsewhere.read_text() == "theirs"


@pytest.mark.parametrize("more", [0, 1])
def test_the_suspects_of_the_last_deaths_are_kept_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    monkeypatch.setattr(suspects, "MOST", 3)
    many = [SettledFile(b"%d.csv" % number, A.signature) for number in range(3 + more)]
    for _ in range(2):
        die_with(tmp_path, *many)
    assert session(tmp_path).to_read_alone(SALES, many) == {landed.path for landed in many[more:]}
