"""The sum of outcomes: complete counts and some names, whatever came."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.ingest.load_summary import KEPT, Load, LoadSummary
from flows.ingest.work import FileOutcome, Outcome

FILES = st.lists(
    st.builds(
        FileOutcome,
        st.text("abc", min_size=1, max_size=3),
        st.sampled_from(["loaded", "quarantined", "detected", "duplicate", "gone"]),
        rows=st.integers(0, 3),
        findings=st.integers(0, 1),
        version=st.none() | st.integers(1, 9),
    ),
    max_size=6,
)
OUTCOMES = st.lists(
    st.builds(lambda dataset, files: Outcome(dataset, tuple(files), rows=len(files)), st.sampled_from("xy"), FILES),
    max_size=6,
)


def loads_of(outcomes: list[Outcome]) -> LoadSummary:
    loads = LoadSummary()
    for outcome in outcomes:
        loads.add(outcome)
    return loads


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(OUTCOMES, OUTCOMES)
def test_one_sum_after_the_other_is_the_sum_of_all(earlier: list[Outcome], later: list[Outcome]) -> None:
    both, all_of_them = loads_of(earlier).then(loads_of(later)), loads_of([*earlier, *later])
    assert both == all_of_them
    files = [file for outcome in [*earlier, *later] for file in outcome.files]
    assert (both.files, both.rows) == (len(files), len(files))
    assert [load.file for load in both.last] == files
    assert both.with_findings == sum(file.findings > 0 and file.version is not None for file in files)
    assert both.datasets == sorted({o.dataset for o in [*earlier, *later] if o.files or not files})


def test_files_that_need_attention_are_named_first_however_many_came_after() -> None:
    loads = loads_of([Outcome("x", (FileOutcome("bad", "quarantined", findings=1), FileOutcome("good", "loaded")))])
    assert [file.file for file in loads.named(9)] == ["bad", "good"]
    for _ in range(3):
        loads.add(Outcome("x", tuple(FileOutcome(f"{number}", "loaded") for number in range(KEPT))))
    assert [file.file for file in loads.named(2)] == ["bad", "0"] and loads.files == 3 * KEPT + 2


def test_a_hundred_bursts_take_the_room_of_the_names_that_are_kept() -> None:
    def burst() -> Outcome:
        states = ("loaded", "quarantined")
        return Outcome("x", tuple(FileOutcome(f"{number}.csv", states[number % 2]) for number in range(2_000)))

    def taken() -> int:
        tracemalloc.start()
        try:
            loads = LoadSummary()
            for _ in range(bursts):
                loads.add(burst())
            assert loads.files == bursts * 2_000 and len(loads.first) + len(loads.last) == 2 * KEPT
            assert isinstance(loads.first[0], Load)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    bursts = 2
    few = taken()
    bursts = 30
    assert taken() < 1.1 * few < 2_000_000
