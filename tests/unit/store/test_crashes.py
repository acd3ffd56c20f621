"""Who is suspected after which deaths, and who waits for whom."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flows.datasets.sales import SALES
from flows.model.files import Landed, Signature
from flows.store import suspects
from flows.store.crashes import Crashes
from flows.store.suspects import suspects_in

A, B, C = (Landed(name, Signature(1, 2, 3, 4)) for name in (b"a.csv", b"b.csv", b"c.csv"))


def session(state: Path) -> Crashes:
    opened = Crashes(state)
    opened.open()
    return opened


def die_with(state: Path, *landed: Landed) -> None:
    """A session that takes files in hand and dies; the kernel closes what it has open."""
    dying = session(state)
    dying.take(1, SALES, landed)
    assert dying._note is not None
    os.close(dying._note)


def deaths(state: Path) -> dict[bytes, tuple[int, bool]]:
    return {each.held.path: (each.deaths, each.aside) for each in suspects_in(state)}


def test_one_death_changes_nothing(tmp_path: Path) -> None:
    die_with(tmp_path, A, B)
    after = session(tmp_path)
    assert after.apart(SALES, [A, B, C]) == set()
    assert after.why_aside(SALES, A) is None


def test_what_was_in_hand_at_two_deaths_in_a_row_is_read_alone(tmp_path: Path) -> None:
    die_with(tmp_path, A, B)
    die_with(tmp_path, B, C)
    assert session(tmp_path).apart(SALES, [A, B, C]) == {b"b.csv"}


def test_a_death_with_other_files_in_hand_breaks_the_row(tmp_path: Path) -> None:
    die_with(tmp_path, A)
    die_with(tmp_path, B)
    die_with(tmp_path, A)
    assert session(tmp_path).apart(SALES, [A, B]) == set()


def test_only_a_file_that_was_alone_in_hand_at_the_third_death_is_set_aside(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B)
    die_with(tmp_path, A, B)
    assert session(tmp_path).why_aside(SALES, A) is None
    die_with(tmp_path, A)
    after = session(tmp_path)
    assert after.why_aside(SALES, A) is not None
    assert after.why_aside(SALES, B) is None
    assert after.apart(SALES, [A, B]) == {b"b.csv"}


def test_a_death_while_nothing_was_in_hand_does_not_count(tmp_path: Path) -> None:
    for _ in range(3):
        dying = session(tmp_path)
        dying.take(1, SALES, [A])
        dying.put_down(1)
        assert dying._note is not None
        os.close(dying._note)
    assert deaths(tmp_path) == {}


def test_a_session_that_was_told_to_end_blames_no_file_even_when_it_is_killed_then(tmp_path: Path) -> None:
    for _ in range(3):
        ending = session(tmp_path)
        ending.take(1, SALES, [A])
        ending.end(failed=False)
    assert deaths(tmp_path) == {}


def test_a_session_that_fails_over_a_file_counts(tmp_path: Path) -> None:
    for _ in range(3):
        failing = session(tmp_path)
        failing.take(1, SALES, [A])
        failing.end(failed=True)
        failing.close()
    assert session(tmp_path).why_aside(SALES, A) is not None


@pytest.mark.parametrize(
    ("dataset", "landed"),
    [
        (SALES, replace(A, signature=Signature(1, 2, 9, 4))),
        (SALES, replace(A, mode="load")),
        (replace(SALES, revision=1), A),
    ],
    ids=["it changes", "somebody asks for it", "its declaration changes"],
)
def test_what_is_set_aside_is_tried_again_alone_when(tmp_path: Path, dataset: object, landed: Landed) -> None:
    for _ in range(3):
        die_with(tmp_path, A)
    after = session(tmp_path)
    assert after.why_aside(SALES, A) is not None
    assert after.why_aside(dataset, landed) is None  # type: ignore[arg-type]
    assert after.apart(dataset, [landed]) == {b"a.csv"}  # type: ignore[arg-type]


def test_a_file_that_was_read_and_recorded_is_harmless(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B)
    after = session(tmp_path)
    after.take(1, SALES, [A])
    after.put_down(1, [b"a.csv"])
    assert after.apart(SALES, [A, B]) == {b"b.csv"}
    assert deaths(tmp_path) == {b"b.csv": (2, False)}


def test_a_file_that_is_gone_is_no_suspect(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A, B, C)
    after = session(tmp_path)
    after.forget("sales", [b"a.csv"])
    assert after.apart(SALES, [A, B, C]) == {b"b.csv", b"c.csv"}
    after.forget_absent("sales", {b"c.csv"})
    assert deaths(tmp_path) == {b"c.csv": (2, False)}


def test_what_is_set_aside_is_remembered_though_it_does_not_wait(tmp_path: Path) -> None:
    for _ in range(3):
        die_with(tmp_path, A)
    after = session(tmp_path)
    after.forget_absent("sales", set())
    assert after.why_aside(SALES, A) is not None


def test_a_suspect_waits_until_nothing_else_is_in_hand_and_others_wait_for_it(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A)
    both = session(tmp_path)
    both.take(1, SALES, [B])
    order: list[str] = []

    def read() -> None:
        both.take(2, SALES, [A])
        order.append("a")
        both.take(3, SALES, [C])
        order.append("c")

    reading = threading.Thread(target=read)
    reading.start()
    for number, name in ((1, "b"), (2, "a")):
        while len(order) < number - 1:
            reading.join(0.01)
        order.append(f"{name} is recorded")
        both.put_down(number)
        while len(order) < 2 * number:
            reading.join(0.01)
    reading.join(5)
    assert order == ["b is recorded", "a", "a is recorded", "c"]


def test_nobody_waits_once_the_session_ends(tmp_path: Path) -> None:
    for _ in range(2):
        die_with(tmp_path, A)
    ending = session(tmp_path)
    ending.take(1, SALES, [B])
    waiting = threading.Thread(target=ending.take, args=(2, SALES, [A]))
    waiting.start()
    ending.end(failed=True)
    waiting.join(5)
    assert not waiting.is_alive()


@pytest.mark.parametrize("torn", ["[[", "{}", "[1]", '["sales", "", [["zz", 1, 2, 3, 4]]]\n', "[1, 2, [3]]"])
def test_a_torn_note_says_nothing(tmp_path: Path, torn: str) -> None:
    (tmp_path / "in-hand").write_text(f"{len(torn):012}\n{torn}" if torn != "[[" else torn)
    (tmp_path / "suspects.json").write_text(torn)
    assert session(tmp_path).apart(SALES, [A]) == set()


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
    many = [Landed(b"%d.csv" % number, A.signature) for number in range(3 + more)]
    for _ in range(2):
        die_with(tmp_path, *many)
    assert session(tmp_path).apart(SALES, many) == {landed.path for landed in many[more:]}
