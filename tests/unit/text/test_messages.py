"""What messages are made of: spans of time, and text that is only text wherever it is shown."""

from __future__ import annotations

import pytest

from flows.text.escape import chat
from flows.text.spans import lasted


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than a second"), (8, "8 s"), (125, "2 min 5 s"), (3600, "1 h"), (7500, "2 h 5 min"),
        (97200, "1 day 3 h"), (259205, "3 days"),
    ],
)  # fmt: skip
def test_a_span_is_said_in_its_largest_units(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


@pytest.mark.parametrize("text", ["<!channel>.csv", "@everyone.csv", "[x](http://evil.example)", "a\nb", "<b>x</b>"])
def test_a_name_of_a_file_calls_nobody_and_is_no_link_and_no_markup(text: str) -> None:
    shown = chat(text)
    assert not any(sign in shown for sign in ("<", ">", "@", "](", "://", "\n"))


def test_a_plain_name_stays_as_it_is() -> None:
    text = "sales_2021-05-01.csv: line 2, Date: date, got 'x'"
    assert chat(text) == text
