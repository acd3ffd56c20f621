"""Messages wait for their addresses, in order, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows.alerts.addresses import DEFAULT, Address
from flows.alerts.outbox import FIRST_S, MOST, MOST_S, Outbox
from flows.model.alerts import Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SLACK, MAIL = (Address(number, name, DEFAULT, "", name) for number, name in enumerate(("slack", "mailto"), start=1))


def message(title: str, address: str = "slack", *, age: timedelta = timedelta()) -> Message:
    return Message(address, title, "", "failure", (NOW - age).isoformat())


class Post:
    """An outbox, a clock, and receivers that take messages or do not."""

    def __init__(self, *waiting: Message) -> None:
        self.now = 0.0
        self.outbox = Outbox((SLACK, MAIL), waiting, lambda: self.now)

    def send_all(self, *, refusing: frozenset[str] = frozenset()) -> list[str]:
        """The titles that were sent, taken or not, until nothing is due."""
        sent = []
        while (due := self.outbox.next()) is not None:
            address, waiting = due
            sent.append(waiting.title)
            self.outbox.note(waiting, taken=address.mark not in refusing)
        return sent


def test_an_address_that_takes_nothing_is_left_alone_for_longer_each_time_and_holds_up_no_other() -> None:
    post, away = Post(message("one"), message("two"), message("three", "mailto")), frozenset({"slack"})
    assert post.send_all(refusing=away) == ["one", "three"]
    assert post.send_all(refusing=away) == []
    tries = 0
    while post.now < 3600:
        post.now += FIRST_S
        tries += len(post.send_all(refusing=away))
    assert tries < 3600 / MOST_S + 10
    post.now += MOST_S
    assert sorted(post.send_all()) == ["one", "two"] and not post.outbox.waiting


def test_a_message_that_is_refused_again_and_again_lets_others_pass() -> None:
    post = Post(message("poison"), message("sound"))
    for _ in range(5):
        due = post.outbox.next()
        assert due is not None and due[1].title == "poison"
        post.outbox.note(due[1], taken=False)
        post.now += MOST_S
    assert post.send_all() == ["sound", "poison"]


def test_what_nobody_has_taken_for_days_is_given_up_and_so_is_what_is_too_much() -> None:
    post = Post(message("old", age=timedelta(days=4)), *(message(str(number)) for number in range(MOST + 10)))
    post.outbox.drop_old(NOW)
    assert len(post.outbox.waiting) == MOST and post.outbox.waiting[0].title == "10"


def test_messages_for_an_address_that_is_not_configured_any_more_are_dropped() -> None:
    assert not Post(message("one", "gone")).outbox.waiting
