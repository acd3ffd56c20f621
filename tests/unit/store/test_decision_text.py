"""What a batch decided, as text in a footer."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.store.decision_text import decisions_text, parse_decisions
from flows.store.decisions import (
    ActionRow,
    BatchRow,
    Decisions,
    Disowned,
    Moved,
    PathRow,
    Restated,
    UnseenPathRow,
    VersionRow,
)
from flows.store.footer import FORMAT, KEY, Footer, UnknownFooter, footer_text, read_footer
from flows.store.number_bytes import number_bytes, numbers_in

WRITTEN = "2026-11-27T17:55:10.123+00:00"
FOUND = "2026-11-27T17:55:10.057+00:00"


def delivered(files: int) -> Decisions:
    """New files, as most batches have them."""
    drawn = random.Random(files)
    mtimes = [1_764_265_000_000_000_000 + drawn.randrange(10**12) for _ in range(files)]
    sizes = [drawn.randrange(10**5) for _ in range(files)]
    return Decisions(
        batches=[BatchRow(51_234, "staged", files, 150 * files, WRITTEN)],
        paths=[
            PathRow(id, b"sales_2026-11-27_%06d.csv" % id, id, id, id, True, size, mtime, mtime + 4_000_000, 10**6 + id)
            for id, (size, mtime) in enumerate(zip(sizes, mtimes, strict=True), start=123_456)
        ],
        versions=[
            VersionRow(
                id, id, drawn.randbytes(32), "", id, size, mtime, "staged", None, None, 150, 0, 0, 0, None, 0, 51_234,
                FOUND, WRITTEN, None, None,
            )
            for id, (size, mtime) in enumerate(zip(sizes, mtimes, strict=True), start=123_456)
        ],
    )  # fmt: skip


MIXED = Decisions(
    batches=[BatchRow(1, "loaded", 2, 3, WRITTEN, FOUND), BatchRow(7, "staged", 0, 0, WRITTEN)],
    paths=[
        PathRow(3, b"\xff\n\"'\xf0\x9f\x8d\x8e.csv", None, None, 9, False, None, None, None, None),
        PathRow(1, "päth/ä.csv".encode(), 12, 4, 4, True, 0, -(2**63) + 1, 2**63 - 1, 0),
    ],
    unseen=[UnseenPathRow(5, b"", 2, 4, 4, False)],
    versions=[
        VersionRow(
            9, 3, bytes(32), '{"Region":"n"}', None, 0, 0, "quarantined", None, "no \ud800 such", 0, 2**40, 0, 3,
            '{"rule": "x"}', None, 7, FOUND, None, None, WRITTEN,
        ),
        VersionRow(
            4, 1, b"\x01" * 32, "?", 2, 5, 5, "loaded", "renamed", None, 1, 0, 0, 0, None, 12, 1, FOUND, WRITTEN, FOUND,
            None,
        ),
    ],
    moved=[Moved(2, 1), Moved(1, 3)],
    disowned=[Disowned(2, "renamed")],
    restated=[
        Restated(1, "unloaded", "request", None, WRITTEN, "unloaded by Zoë (pid 1)", None),
        Restated(2, "staged", None, 9, None, None, "it has no key of before"),
    ],
    actions=[
        ActionRow(7, 1, 3, "rename", 4, 1, None, None),
        ActionRow(7, 2, 5, "unload", 4, None, "request", "Zoë (pid 1)"),
        ActionRow(8, 1, 5, "keep", None, None, None, None),
    ],
)  # fmt: skip


@pytest.mark.parametrize("decisions", [Decisions(), delivered(1), delivered(3), delivered(400), MIXED])
def test_decisions_are_the_same_after_they_were_text(decisions: Decisions) -> None:
    text = decisions_text(decisions, WRITTEN)
    assert text.isascii()
    assert text.isprintable()
    assert parse_decisions(text, WRITTEN) == parse_decisions(decisions_text(decisions, WRITTEN), WRITTEN)
    for name, rows in vars(decisions).items():
        assert list(getattr(parse_decisions(text, WRITTEN), name)) == list(rows), name


FORMER_DELIVERED = (
    "sol-##fFKO}3ujEWxiR+^V~huH-u!=}2njKQCLUQkC~c!Ta-O)TBHu@muWRo7ALR(*wuH<3(e2B&?sM6l6Pm1Rpn9Rx^SbW==8-azXE7=y4N"
    "O6d2eZK#fqUN}83D4XREP#Zuf+0h3b<mxW8hqi^h<KBIs*6d<Tz{jf#|(J?R=*L-7C5kH$!e*BthfVL=Z_Uc!y}b{~{RAk8^XY=;M^y_y^)n"
    "Si@&PE+`+H-S|^B(OXxWbmS!oP|3-ZbtY!6"
)
FORMER_MIXED = (
    "sja18SgD?>M70Z{ll2QEt9D3<L^jPdelb8^t3Q-cIMpgd3i;W*d3969L8r#dv?CjPxAC+XJ1oi5muScoJeNHkC2i!uCOuz!q<_78S9-xJs2n"
    "|~Cn3r1=s$Z{~M(q`Tf^Z>L@NRPBN`Mclr_|)<_SFUUGo*1^av$X$dquKhNE^N3k5C_E73V@oPDQyWaw&@im40t#i)vfxVyH7GIXpC>GyeC6"
    "+poeOX0z>p+?&Giz5=E9fS>E&?ReS6_5EJ(H$(rx2fXjlpd6*>)UR6aX`hXS%#2o5!C1+qlqJa~OE^TQ6}RY*{kH+^NZ}s~er%VZzPlkwRzC"
    "7bVu2C*yp#0Yv6xIha9m=^TgQQ|6D>get1T#>h#7l?Sq+kD7P_R4<1E#q`Y)y=Em~gCXJ@UwM9+uq8nKsYR=ho<_UnY8$UAdEU4xdU>5c{u)"
    "I=!2q|Pu^5~>0yQcK41#C}FYuruZ`FdFO}Mq!*N(QSA5;s?OB{sRC200000000000000000000000000000000000000320RaI40RaI40RaI"
    "40RaI40RaI40RaI40RaI40Ra"
)
"""As they were written while each number stood as it is."""


@pytest.mark.parametrize(("text", "decisions"), [(FORMER_DELIVERED, delivered(2)), (FORMER_MIXED, MIXED)])
def test_decisions_of_earlier_segments_are_read(text: str, decisions: Decisions) -> None:
    assert text.startswith("s")
    for name, rows in vars(decisions).items():
        assert list(getattr(parse_decisions(text, WRITTEN), name)) == list(rows), name


@given(st.lists(st.integers() | st.integers(-300, 300)))
def test_numbers_are_the_same_after_they_were_bytes(numbers: list[int]) -> None:
    assert list(numbers_in(number_bytes(numbers))) == numbers


def test_a_text_of_which_numbers_or_digests_are_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        list(numbers_in(number_bytes([1_000])[:-1]))
    text = decisions_text(delivered(1), WRITTEN)
    with pytest.raises(ValueError, match=r"cut off|missing"):
        parse_decisions(text[0] + base64.b85encode(base64.b85decode(text[1:])[:-40]).decode(), WRITTEN)


@pytest.mark.parametrize(("files", "most_bytes"), [(1, 125), (2, 125), (10, 75), (1_000, 65), (10_000, 70)])
def test_decisions_take_few_bytes_for_a_file(files: int, most_bytes: int) -> None:
    assert len(decisions_text(delivered(files), WRITTEN)) / files <= most_bytes


def test_decisions_take_less_than_a_fiftieth_of_a_segment_of_large_files(tmp_path: Path) -> None:
    drawn = random.Random(1)
    rows = pl.DataFrame({"Key": range(20_000), "Value": [drawn.randrange(100) for _ in range(20_000)]})
    rows.write_parquet(tmp_path / "rows.parquet", compression="lz4")
    assert len(decisions_text(delivered(2), WRITTEN)) <= (tmp_path / "rows.parquet").stat().st_size / 50


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "t-00000001.parquet"
    pl.DataFrame({"Key": [1]}).write_parquet(file, metadata={KEY: text})
    return file


def test_a_footer_is_the_same_after_it_was_written(tmp_path: Path) -> None:
    footer = Footer(
        "t", "f", MIXED, covers=((3, 7), (9, 12)), batch=7, after=3, replaces=(1, 2), first_day="2026-01-01"
    )
    assert read_footer(written(tmp_path, footer_text(footer))) == footer


def test_a_footer_of_which_any_character_differs_is_refused(tmp_path: Path) -> None:
    text = footer_text(Footer("t", "f", delivered(1), covers=((6, 7),), batch=7, after=6))
    for at in range(0, len(text), 7):
        other = "1" if text[at] != "1" else "2"
        with pytest.raises(UnknownFooter):
            read_footer(written(tmp_path, text[:at] + other + text[at + 1 :]))


def test_a_footer_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFooter, match="newer Cubefeed"):
        read_footer(written(tmp_path, f'{{"format": {FORMAT + 1}}}'))
