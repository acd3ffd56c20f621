"""Files that are made to cost more than they weigh, under a limit of memory."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import pyarrow as pa
import pytest

from tests.attack.system import HEADER, System, attacked
from tests.e2e.program import watching
from tests.waiting import until

pytestmark = pytest.mark.slow

LIMIT_BYTES = 6 << 30
"""Of what the session reserves, of which about 3 GiB are what it reserves anyway."""
TEXT_BYTES = 1 << 30
ANSWER_CHARS = 500_000
"""A thousand findings, each of a line."""


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with ExitStack() as stack:
        with limited_children():
            running = stack.enter_context(attacked())
        yield running


@contextmanager
def limited_children() -> Iterator[None]:
    """What is started meanwhile may have so much memory and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def zeros(codec: Literal["gzip", "zstd"]) -> bytes:
    """A gigabyte of text in a few kilobytes, just below what a dataset allows."""
    head, piece, pieces = HEADER.encode(), b"1,2021-05-01,x,1\n" * 61_680, TEXT_BYTES // (17 * 61_680)
    if codec == "gzip":
        return gzip.compress(head) + gzip.compress(piece) * pieces
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(head)
        for _ in range(pieces):
            stream.write(piece)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def refused_with(system: System, name: str, *rules: str) -> None:
    """The file is refused, in few words, and the session goes on."""

    def rule() -> bool:
        answer = system.place.run("findings", name, "--format", "json", code=None).stdout
        assert len(answer) < ANSWER_CHARS
        return any(f'"{rule}"' in answer for rule in rules)

    until(rule, what=f"{name} is refused for {rules}", patience_s=30)


BOMBS: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "bomb_zstd.csv": (lambda: zeros("zstd"), ("ratio", "memory")),
    "bomb_gzip.csv": (lambda: zeros("gzip"), ("ratio", "memory")),
    "members.csv": (lambda: gzip.compress(b"") * 200_000, ("empty", "header")),
    "header_80k.csv": (lambda: b",".join(b"n%d" % n for n in range(12_000)) + b"\n", ("header",)),
    "header_4m.csv": (lambda: b"A," * (2 << 20) + b"\n", ("header",)),
    "quotes.csv": (lambda: HEADER.encode() + b'"' * (4 << 20), ("quote", "ragged", "memory")),
    "lines.csv": (lambda: HEADER.encode() + b"\n" * (8 << 20), ("blank_line", "memory")),
}
ORDINARY = "bomb_zstd.csv"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == ORDINARY else [pytest.mark.deep]) for name in BOMBS]
)
def test_a_bomb_is_refused_and_the_next_file_is_loaded(system: System, name: str) -> None:
    make, rules = BOMBS[name]
    owner = system.owner_process
    (system.place.landing / name).write_bytes(make())
    system.assert_still_loading()
    refused_with(system, name, *rules)
    assert owner.is_running() and system.owner_process.pid == owner.pid


@pytest.mark.deep
def test_a_file_of_holes_costs_neither_memory_nor_quarantine(system: System) -> None:
    with (system.place.landing / "holes.csv").open("wb") as file:
        file.write(HEADER.encode())
        file.truncate(TEXT_BYTES - 1)
    system.assert_still_loading()
    refused_with(system, "holes.csv", "holes", "memory")
    kept = list((system.place.state / "quarantine").rglob("refused"))
    assert sum(path.stat().st_blocks * 512 for path in kept) < 100 << 20
    assert system.owner_process.memory_info().rss < 3 << 30


def test_a_session_that_is_told_to_end_over_them_ends_and_starts_again_beside_them(system: System) -> None:
    for name in ("header_4m.csv", "members.csv", "quotes.csv"):
        make, _ = BOMBS[name]
        (system.place.landing / f"once_more_{name}").write_bytes(make())
    assert system.running.end() == 0
    with ExitStack() as stack:
        with limited_children():
            again = stack.enter_context(watching(system.place))
        system.running = again
        system.assert_still_loading()
        assert again.end() == 0
