"""A correction that shares no key with what it replaces is sound, and people are warned of it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from flows.settings import Observer
from tests.integration.live_feed import LiveFeed, Start, ask, live, sales


def warnings(living: LiveFeed) -> list[str]:
    """The files of which `status` warns."""
    return [each["file"] for each in living.status()["warnings"]]


def test_a_file_that_is_always_named_the_same_and_holds_only_new_rows_is_warned_of(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    living = start()
    living.put("export.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    living.put("export.csv", sales(3, start=3))
    living.wait_for({3: 3})
    (warning,) = living.status()["warnings"]
    assert warning["file"] == "export.csv"
    assert "no key of the 2 rows that it had before" in warning["warning"]
    assert "export-2026-01-31.csv" in warning["warning"] and "cubefeed unload export.csv" in warning["warning"]
    row = living.file("export.csv")
    assert row is not None and row.warning == warning["warning"]
    (logged,) = [each for each in caplog.records if "no key of the 2 rows" in each.getMessage()]
    assert logged.levelno == logging.WARNING
    assert [file.warning for outcome in living.outcomes for file in outcome.files] == [None, row.warning]


def test_the_warning_ends_with_the_next_version_that_keeps_a_key(start: Start) -> None:
    living = start()
    for body, total in ((sales(1), {1: 1}), (sales(2, start=2), {2: 2}), (sales(3, start=2), {2: 3})):
        living.put("export.csv", body)
        living.wait_for(total)
        assert warnings(living) == (["export.csv"] if total == {2: 2} else [])


def test_a_correction_that_keeps_one_key_of_many_is_not_warned_of(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(*range(1, 50)))
    living.wait_until(lambda: len(living.quantities()) == 49)
    living.put("a.csv", sales(7, start=49))
    living.wait_for({49: 7})
    assert warnings(living) == []


def test_of_files_that_are_corrected_together_only_those_that_lost_all_keys_are_warned_of(start: Start) -> None:
    living = start()
    for number in range(4):
        living.put(f"{number}.csv", sales(number, start=10 * number + 1))
    living.wait_until(lambda: len(living.quantities()) == 4)
    living.put("0.csv", sales(9, start=1))
    living.put("1.csv", sales(9, start=500))
    living.put("2.csv", sales(9, start=11))  # a key that another of them had
    living.look()
    living.wait_for({1: 9, 500: 9, 11: 9, 31: 3})
    assert sorted(warnings(living)) == ["1.csv", "2.csv"]


def test_what_lies_elsewhere_too_is_not_lost(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("copy.csv", sales(1))
    living.look()
    living.wait_for({1: 1})
    living.put("a.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    assert warnings(living) == []


def test_a_file_that_takes_the_bytes_of_another_is_warned_of_too(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.look()
    living.wait_for({1: 1, 2: 2})
    living.put("a.csv", sales(2, start=2))
    living.wait_for({2: 2})
    assert warnings(living) == ["a.csv"]


def test_a_file_without_rows_in_the_place_of_one_with_rows_is_warned_of(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("a.csv", sales())
    living.wait_for({})
    assert warnings(living) == ["a.csv"]


def test_a_file_that_is_renamed_over_another_is_warned_of_too(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.look()
    living.wait_for({1: 1, 2: 2})
    (living.landing / "b.csv").replace(living.landing / "a.csv")
    living.wait_for({2: 2})
    assert warnings(living) == ["a.csv"]


@pytest.mark.usefixtures("quick")
def test_a_warning_is_there_after_a_restart(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        living.put("a.csv", sales(2, start=2))
        living.wait_for({2: 2})
    with live(tmp_path, observer) as living:
        assert warnings(living) == ["a.csv"]


def test_what_is_unloaded_is_not_warned_of(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("a.csv", sales(2, start=2))
    living.wait_for({2: 2})
    ask(living, "unload", "a.csv")
    living.wait_for({})
    assert warnings(living) == []
