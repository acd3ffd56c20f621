"""The memory that files take while they are read: what is refused before it is tried, and what is read apart."""

from __future__ import annotations

import gzip
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dataframely as dy
import pytest

from flows.errors import DeclarationError
from flows.ingest import file_checks
from flows.ingest.file_checks import check_files
from flows.ingest.work import Work
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.findings import Verdict
from flows.model.lifecycle import Identity
from flows.model.limits import Limits
from flows.model.policies import SkipRows
from flows.reading import file_reader as reader
from flows.reading.file_reader import FileContent, read_file
from flows.validation import cost
from flows.validation.cost import BYTE, LONG_BYTE, LONG_LINE, Cost, TooCostly, memory_bytes


class Pair(dy.Schema):
    A = dy.Integer(nullable=True)
    B = dy.String(nullable=True)


PAIRS = Dataset(schema=Pair, landing=".", bad_rows=SkipRows(up_to=1.0))
H = b"A,B\n"


def read(name: bytes, body: bytes) -> FileContent:
    signature = Signature(len(body), 0, 0, 1)
    return FileContent(SettledFile(name, signature), signature, body, Identity(name))


def check(dataset: Dataset, body: bytes) -> Verdict:
    return check_files(dataset, [read(b"f.csv", body)]).verdicts[b"f.csv"]


def within(room_bytes: int) -> Dataset:
    return replace(PAIRS, limits=Limits(read_memory_bytes=room_bytes))


@pytest.fixture
def fresh() -> Iterator[None]:
    memory_bytes.cache_clear()
    yield
    memory_bytes.cache_clear()


WHOLE: dict[str, tuple[bytes, Callable[[Cost, bytes], int]]] = {
    "rows": (H + b"1,x\n" * 1_000, lambda cost, body: BYTE * len(body) + 1_001 * cost._line),
    "a stray quote": (
        H + b"1,x\n" * 1_000 + b'"2,x\n',
        lambda cost, body: (BYTE + LONG_BYTE) * len(body) + 1_002 * (cost._line + LONG_LINE),
    ),
    "findings": (H + b"x,x\n" * 1_000, lambda cost, body: 1_000 * (200 + 2 * 160)),
    "short rows": (H + b"1\n" * 1_000, lambda cost, body: 1_000 * (200 + 2 * 160)),
    "headers": (H + H * 1_000, lambda cost, body: 1_000 * (200 + 2 * 160)),
    "gzip": (gzip.compress(H + b"1,x\n" * 1_000), lambda cost, body: BYTE * 4_004 + 1_001 * cost._line),
    "a long row": (H + b"1," + b"x" * 1_000_000 + b",\n" * 2, lambda cost, body: 36 * (len(body) - len(H))),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_needs_all_the_room_is_read_and_one_that_needs_a_byte_more_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.reading.csv.cells._BLOCK_BYTES", 1 << 16)
    body, needs = WHOLE[kind]
    room = needs(Cost(PAIRS), body)
    assert not check(within(room), body).counts.get("memory")
    verdict = check(within(room - 1), body)
    assert (verdict.accepted, dict(verdict.counts)) == (False, {"memory": 1})
    assert f"{room:,} bytes of memory" in str(verdict.findings[0].raw)
    assert f"at most {room - 1:,} bytes of memory while it is read; split the file" in str(verdict.reason)
    assert "read_memory_bytes" in str(verdict.reason)


def test_a_file_that_fits_is_not_concerned_by_one_that_does_not() -> None:
    large = H + b"1,x\n" * 10_000
    checked = check_files(within(500_000), [read(b"a", H + b"1,x\n"), read(b"b", large), read(b"c", H + b"2,y\n")])
    assert [checked.verdicts[name].rows for name in (b"a", b"b", b"c")] == [1, 0, 1]
    assert checked.verdicts[b"b"].counts.get("memory") == 1
    assert checked.rows["A"].to_list() == [1, 2]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_are_read_together_as_far_as_they_fit(pack: Callable[[bytes], bytes]) -> None:
    body = H + b"1,x\n" * 100
    one = Cost(PAIRS).worst(len(body), 101)
    reads = [read(str(number).encode(), pack(body)) for number in range(10)]
    for room, sizes in ((3 * one, [3, 3, 3, 1]), (3 * one - 1, [2, 2, 2, 2, 2]), (one - 1, [1] * 10)):
        groups = [[each.landed.path for each, _ in group] for group in file_checks.files_that_fit(within(room), reads)]
        assert [len(group) for group in groups] == sizes
        assert [path for group in groups for path in group] == [each.landed.path for each in reads]
    checked = check_files(within(3 * one), reads)
    assert checked.rows.height == 1_000
    assert checked.rows["_file"].to_list() == [number for number in range(10) for _ in range(100)]


def test_work_that_is_cut_goes_on_with_the_rest_and_what_is_gone_leaves_with_it() -> None:
    landed = tuple(SettledFile(name, Signature(1, 0, 0, 1)) for name in (b"a", b"b", b"c"))
    work = Work("pairs", landed, gone=(b"g",), missing=(b"m",))
    assert work.cut(set()) == (work, None)
    done, rest = work.cut({b"b", b"c"})
    assert (done.landed, done.gone, done.missing, done.more) == (landed[:1], (), (b"m", b"g"), True)
    assert rest == replace(work, landed=landed[1:])


def test_a_file_of_holes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FREE_BYTES", 1 << 16)
    file = tmp_path / "f.csv"
    dataset = replace(PAIRS, landing=tmp_path)
    half = 1 << 20
    for written, refused in ((half, False), (half - 4096, True)):
        file.unlink(missing_ok=True)
        with file.open("wb") as made:
            made.write(b"x" * written)
            made.truncate(2 * half)
            os.fsync(made.fileno())
        found = read_file(dataset, SettledFile(b"f.csv", Signature.of(file.stat())))
        assert isinstance(found, FileContent)
        if not refused:
            assert found.body == b"x" * half + bytes(half)
            continue
        assert found.body is None and found.refused is not None
        assert found.refused.finding.raw == f"{2 * half} bytes, of which {written} were written"
        assert check_files(dataset, [found]).verdicts[b"f.csv"].counts == {"holes": 1}


def test_a_file_too_large_for_the_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FREE_BYTES", 0)
    file = tmp_path / "f.csv"
    file.write_bytes(b"x" * 1_000)
    landed = SettledFile(b"f.csv", Signature.of(file.stat()))
    for room, is_read in ((1_000 * BYTE, True), (1_000 * BYTE - 1, False)):
        found = read_file(replace(within(room), landing=tmp_path), landed)
        assert isinstance(found, FileContent)
        assert (found.body is not None) == is_read
        assert is_read or (found.refused is not None and found.refused.finding.rule == "memory")


def test_the_room_is_a_share_of_the_machine_unless_the_dataset_says_otherwise(fresh: None) -> None:
    assert Cost(PAIRS).room_bytes == memory_bytes() // cost.SHARE
    assert Cost(within(7)).room_bytes == 7
    with pytest.raises(DeclarationError, match="read_memory_bytes"):
        within(0)


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_what_a_limit_of_the_process_leaves_is_its_memory(
    kind: int, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (20 << 30, before[1]))
    try:
        left = cost._process_limits()
        assert len(left) == 1 and 1 << 30 < left[0] < 20 << 30
        assert memory_bytes() <= left[0] + (1 << 30)
        monkeypatch.setattr(cost, "SMALLEST_BYTES", 30 << 30)
        assert cost._process_limits() == [30 << 30]
    finally:
        resource.setrlimit(kind, before)


def test_the_smallest_limit_of_the_control_groups_above_is_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    monkeypatch.setattr(cost, "_OWN_CGROUP", own)
    assert cost._cgroup_limits(tmp_path) == []
    own.write_text("4:memory,hugetlb:/docker/one\n2:cpu:/docker/one\n0::/a/b\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text("1000\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("2000\n")
    assert sorted(cost._cgroup_limits(tmp_path)) == [1000, 2000]


def test_what_does_not_fit_says_how_much_and_what_to_do() -> None:
    error = TooCostly(2_000, 1_000, "500 bytes")
    assert error.raw == "500 bytes: about 2,000 bytes of memory"
    assert "1,000 bytes of memory" in error.expected and "split the file" in error.expected
