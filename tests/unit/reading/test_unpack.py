"""What may come out of a compressed file, and how long its first line may be."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import dataframely as dy
import pyarrow as pa
import pytest

from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.header import Header
from flows.reading import decompression as unpacking
from flows.reading.csv.dialect import Dialect
from flows.reading.csv.header import MAX_HEADER_CHARS, HeaderRules
from flows.reading.decompression import FREE_BYTES, MAX_RATIO, unpack
from flows.reading.refusal import FileRefused

PLENTY = 1 << 40


def zstd(body: bytes) -> bytes:
    packed: bytes = pa.compress(body, codec="zstd", asbytes=True)
    return packed


CODECS = pytest.mark.parametrize("pack", [gzip.compress, zstd, bz2.compress, lzma.compress])


@CODECS
def test_max_bytes_bounds_what_comes_out(pack: Callable[[bytes], bytes]) -> None:
    body = b"a,b\n" * 1_000
    assert unpack(pack(body), len(body)) == body
    with pytest.raises(FileRefused) as refused:
        unpack(pack(body), len(body) - 1)
    assert refused.value.finding.rule == "size"
    assert "at most 3999 bytes; split the file, or raise" in str(refused.value.finding.expected)


@CODECS
def test_the_ratio_bounds_what_comes_out_of_more_than_a_little(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(200_000)
    packed = pack(body)
    monkeypatch.setattr(unpacking, "FREE_BYTES", len(body))
    monkeypatch.setattr(unpacking, "MAX_RATIO", 1)
    assert unpack(packed, PLENTY) == body
    monkeypatch.setattr(unpacking, "FREE_BYTES", len(body) - 1)
    with pytest.raises(FileRefused) as refused:
        unpack(packed, PLENTY)
    assert refused.value.finding.rule == "ratio"
    assert refused.value.finding.raw == f"{len(packed)} bytes that unpack to more than {len(body) - 1}"
    monkeypatch.setattr(unpacking, "FREE_BYTES", 0)
    monkeypatch.setattr(unpacking, "MAX_RATIO", -(-len(body) // len(packed)))
    assert unpack(packed, PLENTY) == body
    monkeypatch.setattr(unpacking, "MAX_RATIO", len(body) // len(packed) - 1)
    with pytest.raises(FileRefused, match="ratio"):
        unpack(packed, PLENTY)


def test_a_real_bomb_is_stopped_far_below_what_it_holds() -> None:
    packed = zstd(bytes(4 * FREE_BYTES))
    assert MAX_RATIO * len(packed) < 4 * FREE_BYTES
    with pytest.raises(FileRefused, match="ratio"):
        unpack(packed, PLENTY)


def check_header(line: str, names: tuple[str, ...]) -> None:
    schema = type("Named", (dy.Schema,), {name: dy.String() for name in names})
    csv = Csv()
    HeaderRules(Dataset(schema=schema, landing="landing", format=csv), Header(), Dialect.of(csv)).columns(line, 1)


@CODECS
def test_all_members_of_a_file_are_its_text(pack: Callable[[bytes], bytes]) -> None:
    assert unpack(pack(b"a\n") + pack(b"") + pack(b"b\n") + pack(b""), 4) == b"a\nb\n"


def test_a_first_line_is_compared_up_to_a_length_and_refused_beyond_it() -> None:
    for length in (MAX_HEADER_CHARS, MAX_HEADER_CHARS + 1):
        with pytest.raises(FileRefused) as refused:
            check_header("A," * (length // 2) + "x" * (length % 2), ("A", "B"))
        expected = str(refused.value.finding.expected)
        assert ("twice: , A" in expected or "twice: A" in expected) == (length == MAX_HEADER_CHARS), expected
        assert (f"at most {MAX_HEADER_CHARS} characters, got {length}" in expected) == (length > MAX_HEADER_CHARS), (
            expected
        )


@pytest.mark.slow
def test_a_header_that_is_declared_longer_may_be_so() -> None:
    names = tuple(f"a column with a long name {number}" for number in range(MAX_HEADER_CHARS // 20))
    line = ",".join(names)
    assert len(line) > MAX_HEADER_CHARS
    check_header(line, names)
    with pytest.raises(FileRefused) as refused:
        check_header(line + ",x", names)
    assert str(refused.value.finding.expected).endswith('(extra: x; Header(by="name", extra="ignore") takes it)')
    with pytest.raises(FileRefused) as refused:
        check_header(line + "x" * len(line) + "x", names)
    assert "a header of at most" in str(refused.value.finding.expected)
