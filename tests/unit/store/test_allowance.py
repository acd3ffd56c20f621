"""What goes of a quarantine, in which order, and what stays whatever the amount is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flows.model.limits import LEAST_QUARANTINE_DAYS
from flows.store.allowance import ANNOUNCED_DAYS, DAY_S, Decision, Standing, decide
from flows.store.quarantine import KeptVersion

NOW_S = 1_000_000_000.0
MOST = 100
AGE_DAYS = 90


def kept(size_bytes: int, *, days: float, announced_days: float | None = None, has_bytes: bool = True) -> KeptVersion:
    announced_s = NOW_S - announced_days * DAY_S if announced_days is not None else None
    return KeptVersion(size_bytes, NOW_S - days * DAY_S, has_bytes, announced_s)


def decided(
    found: Mapping[int, KeptVersion], standings: Mapping[int, Standing], *, most_bytes: int = MOST, certain: bool = True
) -> Decision:
    age_s = AGE_DAYS * DAY_S
    return decide(found, standings, most_bytes=most_bytes, age_s=age_s, now_s=NOW_S, certain=certain)


def test_what_a_path_no_longer_shows_goes_at_once() -> None:
    found = {1: kept(1, days=0), 2: kept(1, days=0)}
    assert decided(found, {1: Standing.PAST, 2: Standing.SHOWN}) == Decision(all_of=[1])


def test_the_rows_refused_of_a_version_that_is_loaded_while_its_file_is_refused_go_and_the_report_stays() -> None:
    assert decided({1: kept(1, days=0)}, {1: Standing.LOADED}) == Decision(bytes_of=[1])


@pytest.mark.parametrize(("size_bytes", "gone"), [(MOST - 60, []), (MOST - 59, [1])], ids=["limit", "limit + 1"])
def test_over_the_amount_the_oldest_go_that_lie_in_the_landing_directory_too(size_bytes: int, gone: list[int]) -> None:
    found = {1: kept(30, days=2), 2: kept(30, days=1), 3: kept(size_bytes, days=0)}
    assert decided(found, dict.fromkeys(found, Standing.SHOWN)) == Decision(bytes_of=gone)


@pytest.mark.parametrize(("days", "gone"), [(AGE_DAYS, []), (AGE_DAYS + 0.1, [1])], ids=["limit", "limit + 1"])
def test_what_is_too_old_goes_whatever_the_amount_is(days: float, gone: list[int]) -> None:
    assert decided({1: kept(1, days=days)}, {1: Standing.SHOWN}) == Decision(bytes_of=gone)


def test_nothing_goes_for_what_lies_in_a_landing_directory_that_cannot_be_seen() -> None:
    assert decided({1: kept(1000, days=1000)}, {1: Standing.SHOWN}, certain=False) == Decision()


def test_the_only_copy_goes_last() -> None:
    found = {1: kept(60, days=80), 2: kept(60, days=1)}
    assert decided(found, {1: Standing.GONE, 2: Standing.SHOWN}) == Decision(bytes_of=[2])


@pytest.mark.parametrize(
    ("days", "announced"), [(LEAST_QUARANTINE_DAYS, []), (LEAST_QUARANTINE_DAYS + 0.1, [1])], ids=["limit", "limit + 1"]
)
def test_the_only_copy_stays_thirty_days_though_that_breaks_the_amount(days: float, announced: list[int]) -> None:
    assert decided({1: kept(1000, days=days)}, {1: Standing.GONE}) == Decision(announced=announced)


@pytest.mark.parametrize(
    ("days", "gone"), [(ANNOUNCED_DAYS, []), (ANNOUNCED_DAYS + 0.1, [1])], ids=["limit", "limit + 1"]
)
def test_the_only_copy_goes_a_week_after_that_was_announced(days: float, gone: list[int]) -> None:
    found = {1: kept(1000, days=40, announced_days=days)}
    assert decided(found, {1: Standing.GONE}) == Decision(all_of=gone)


def test_what_was_announced_stays_when_there_is_room_again() -> None:
    found = {1: kept(MOST, days=40, announced_days=8)}
    assert decided(found, {1: Standing.GONE}) == Decision()


def test_a_version_that_the_ledger_does_not_know_is_taken_for_the_only_copy() -> None:
    assert decided({1: kept(1000, days=1)}, {}) == Decision()
