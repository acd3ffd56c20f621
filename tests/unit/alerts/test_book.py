"""When something is said of a problem."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.alerts.book import AlertBook, Look, Turn
from flows.alerts.wording import BODY_CHARS, body_of, title_of
from flows.model.alerts import Kind, Problem

START = datetime(2026, 1, 1, tzinfo=UTC)


class Story:
    """A book, and a clock."""

    def __init__(self) -> None:
        self.now = START
        self.book = AlertBook(now=START)
        self.titles: list[str] = []

    def after(self, seconds: float, *problems: Problem, looked: Kind | None = None) -> list[Turn]:
        """What is said by a look after so many seconds."""
        self.now += timedelta(seconds=seconds)
        kinds = frozenset(Kind) if looked is None else frozenset({looked})
        said = self.book.note(Look(problems, kinds), self.now)
        self.titles += [title_of(each, "Cubefeed") for each in said]
        return [each.turn for each in said]

    def restart(self) -> None:
        """Another process takes up what this one has saved."""
        self.book = AlertBook(self.book.alerts, now=self.now)


def full(text: str = "the disk is nearly full") -> Problem:
    return Problem(Kind.DISK, text, subject="/data")


def refused(newest: int) -> Problem:
    return Problem(Kind.REFUSED, f"{newest} files were refused", dataset="sales", news=newest)


def test_a_problem_is_said_once_then_daily_and_its_end_with_how_long_it_lasted() -> None:
    story = Story()
    assert story.after(0, full()) == [Turn.BEGINS]
    assert story.after(3600, full()) == []
    assert story.after(82800, full()) == [Turn.LASTS]
    assert story.after(3600) == []
    assert story.after(60) == [Turn.OVER]
    assert story.after(60) == []
    assert story.titles == [
        "Cubefeed: the disk is nearly full",
        "Cubefeed: the disk is nearly full; this has lasted for 1 day",
        "Cubefeed: the disk at /data has room again; it lasted 1 day 1 h",
    ]


def test_a_burst_of_refused_files_is_one_message_when_it_is_over_or_after_a_minute() -> None:
    story = Story()
    assert [turn for newest in range(1, 60) for turn in story.after(1, refused(newest))] == []
    assert story.after(6, refused(60)) == [Turn.BEGINS]
    assert story.titles == ["Cubefeed: sales: 60 files were refused"]


def test_more_refused_files_are_said_once_an_hour() -> None:
    story = Story()
    story.after(0, refused(1))
    assert story.after(6, refused(1)) == [Turn.BEGINS]
    assert story.after(600, refused(2)) == []
    assert story.after(3600, refused(2)) == [Turn.MORE]


def test_what_comes_and_goes_within_seconds_is_not_said() -> None:
    story, hindered = Story(), Problem(Kind.DEGRADED, "it does not load", dataset="sales")
    assert story.after(0, hindered) == [] and story.after(5) == [] and not story.book.alerts
    story.after(5, hindered)
    assert story.after(10, hindered) == [Turn.BEGINS]


def test_what_comes_back_again_and_again_is_one_problem() -> None:
    story = Story()
    said = [turn for _ in range(200) for problems in ((full(),), ()) for turn in story.after(15, *problems)]
    assert len(said) < 6
    assert [turn for _ in range(500) for turn in story.after(15)] == [Turn.OVER]


def test_a_restart_says_nothing_again_and_does_say_what_is_over() -> None:
    story = Story()
    story.after(0, full())
    story.restart()
    assert story.after(10, full()) == []
    story.after(10)
    story.restart()
    assert story.after(60) == [Turn.OVER]


def test_what_a_look_has_not_looked_for_is_not_over() -> None:
    story = Story()
    story.after(0, full())
    assert story.after(60, looked=Kind.REFUSED) == [] == story.after(60, looked=Kind.REFUSED)
    assert story.after(1, full()) == []


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_problem_says_when_it_is_over_and_bodies_are_short(kind: Kind) -> None:
    story = Story()
    problem = Problem(kind, "wrong", dataset="sales", subject="it", details="line\n" * 1000)
    story.after(0, problem)
    lasting = story.book.note(Look((problem,)), story.now + timedelta(days=2))
    assert [len(body_of(said, "http://127.0.0.1:1")) <= BODY_CHARS for said in lasting] == [True]
    story.now += timedelta(days=2)
    story.after(200)
    assert story.after(20) == [Turn.OVER]
    assert "it lasted" in story.titles[-1]
