"""Half of a file that says where it ends waits, however long nothing is written."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.landing.events import Hint
from flows.landing.own_end import has_own_end
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
        assert has_own_end(os.fsencode(tmp_path), b"a.xlsx", "zip") is (cut == 0), cut


def test_of_a_file_that_cannot_be_read_the_reading_says_why(tmp_path: Path) -> None:
    assert has_own_end(os.fsencode(tmp_path), b"none.xlsx", "zip")
