"""Half of a file that says where it ends waits, however long nothing is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from flows.landing.events import Hint
from flows.landing.own_end import find_missing_end
from flows.model.formats import Parquet
from tests.unit.landing.box import SETTLE_S, Box

PARQUET = b"PAR1" + b"rows" * 10 + b"PAR1"


def workbook(comment: bytes = b"") -> bytes:
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.comment = comment
    return to.getvalue()


@pytest.mark.parametrize("hint", [Hint.UNKNOWN, Hint.COMPLETE])
def test_half_a_file_waits_for_its_end_and_a_whole_one_needs_no_line_end(make: Callable[..., Box], hint: Hint) -> None:
    box = make(format=Parquet())
    box.put("half.parquet", PARQUET[:-1], hint)
    box.put("whole.parquet", PARQUET, hint)
    box.pass_s(SETTLE_S)
    assert box.taken() == ["whole.parquet"]
    box.pass_s(3600)
    assert box.taken() == [] and "PAR1" in box.list_waiting()[b"half.parquet"]
    assert (due := box.next_due_s()) is not None and due > 0
    box.put("half.parquet", PARQUET, hint)
    box.pass_s(SETTLE_S)
    assert box.taken() == ["half.parquet"]


def test_what_is_no_such_file_is_not_waited_for(make: Callable[..., Box]) -> None:
    box = make(format=Parquet())
    box.put("page.parquet", b"<html>")
    box.pass_s(SETTLE_S)
    assert box.taken() == ["page.parquet"]


@pytest.mark.parametrize("comment", [b"", b"made by hand", b"PK\x05\x06" * 6, bytes(65_535)])
def test_a_zip_ends_with_its_directory_and_perhaps_a_comment(tmp_path: Path, comment: bytes) -> None:
    body = workbook(comment)
    for cut in (0, 1, 10, len(comment) + 1, len(comment) + 22, len(body) - 10):
        (tmp_path / "a.xlsx").write_bytes(body[: len(body) - cut])
        missing = find_missing_end(os.fsencode(tmp_path), b"a.xlsx", "zip")
        assert (missing is None) is (cut == 0), cut


def test_of_a_file_that_cannot_be_read_the_reading_says_why(tmp_path: Path) -> None:
    assert find_missing_end(os.fsencode(tmp_path), b"none.xlsx", "zip") is None


def xz(text: bytes) -> bytes:
    return lzma.compress(text)


def zstd(text: bytes) -> bytes:
    packed: bytes = pa.compress(text, codec="zstd", asbytes=True)
    return packed


def zstd_of_unknown_size(text: bytes) -> bytes:
    to = pa.BufferOutputStream()
    with pa.CompressedOutputStream(to, "zstd") as stream:
        stream.write(text)
    return bytes(to.getvalue())


TEXTS = [b"", b"a,b\n", bytes(300_000), random.Random(1).randbytes(300_000)]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, xz, zstd, zstd_of_unknown_size])
@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_a_compressed_file_ends_where_its_format_says(
    tmp_path: Path, pack: Callable[[bytes], bytes], text: bytes
) -> None:
    for body in (pack(text), pack(b"first\n") + pack(text)):
        for cut in {0, 1, 2, 3, 4, 7, len(pack(text)) // 2, len(pack(text)) - 7} & {*range(len(body) - 7)}:
            (tmp_path / "a.csv.packed").write_bytes(body[: len(body) - cut])
            missing = find_missing_end(os.fsencode(tmp_path), b"a.csv.packed", "text")
            assert (missing is None) is (cut == 0), cut
            assert missing is None or missing.must_come


def test_half_a_compressed_text_waits_and_a_whole_one_needs_no_line_end(make: Callable[..., Box]) -> None:
    box, body = make(pattern="*"), gzip.compress(b"ID\n1")
    box.put("half.csv.gz", body[:-3], Hint.COMPLETE)
    box.put("whole.csv.gz", body, Hint.COMPLETE)
    box.pass_s(SETTLE_S)
    assert box.taken() == ["whole.csv.gz"]
    box.pass_s(3600)
    assert box.taken() == [] and "compressed" in box.list_waiting()[b"half.csv.gz"]
    box.put("half.csv.gz", body, Hint.COMPLETE)
    box.pass_s(SETTLE_S)
    assert box.taken() == ["half.csv.gz"]


def test_a_compressed_file_that_is_damaged_is_not_waited_for(tmp_path: Path) -> None:
    body = gzip.compress(random.Random(1).randbytes(1_000))
    (tmp_path / "a.csv.gz").write_bytes(body[:500] + b"\xff" * 5_000)
    assert find_missing_end(os.fsencode(tmp_path), b"a.csv.gz", "text") is None
    (tmp_path / "b.csv.zst").write_bytes(zstd(b"a\n") + b"something else")
    assert find_missing_end(os.fsencode(tmp_path), b"b.csv.zst", "text") is None
