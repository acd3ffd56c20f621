"""The gate and the text parser: what the zoo's small files do not show."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from flows.landing.tree import find_signature
from flows.model.dataset import Dataset
from flows.model.files import SettledFile
from flows.model.findings import MAX_FINDINGS, NO_FINDINGS, FileFindings
from flows.model.formats import Csv
from flows.model.lifecycle import Identity
from flows.model.tables import FILE, LINE
from flows.reading.csv import cells
from flows.reading.csv.gate import MAX_CELL_BYTES
from flows.reading.csv.parse import parse
from flows.reading.file_reader import FileContent, read_file
from flows.reading.port import Source
from flows.validation.raw_rows import RawRows


class Pair(dy.Schema):
    A = dy.String(nullable=True)
    B = dy.String(nullable=True)


class Named(Pair):
    Shop = dy.String(nullable=True)
    Part = dy.String(nullable=True)


PAIRS = Dataset(schema=Pair, landing="landing")
MULTILINE = Dataset(schema=Pair, landing="landing", format=Csv(multiline=True))
NAMED = Dataset(schema=Named, landing="landing", from_path=r"(?P<Shop>[^_]+)(?:_(?P<Part>.+))?\.csv")
H = b"A,B\n"
MANY = 20_000
LARGE = H + b"".join(b"%d,x\n" % number for number in range(MANY))


def read(*bodies: bytes, dataset: Dataset = PAIRS, name: str = "f.csv", plain: bool = True) -> RawRows:
    return parse(dataset, [Source(name, body) for body in bodies], plain=plain)


def rules(found: FileFindings) -> list[tuple[str, int | None]]:
    return [(finding.rule, finding.line) for finding in found.findings]


def test_all_columns_are_text_with_file_and_line_beside_them() -> None:
    frame = read(H + b"007,NA\n", b"", H + b"x,\ny,1\n").frame
    assert frame.schema == {"A": pl.String, "B": pl.String, FILE: pl.UInt32, LINE: pl.UInt32}
    assert frame.rows() == [("007", "NA", 0, 2), ("x", "", 2, 2), ("y", "1", 2, 3)]


def test_no_sources_give_an_empty_frame_of_the_same_columns() -> None:
    assert read().frame.schema == read(H + b"1,2\n").frame.schema


def test_plain_and_quoted_files_of_a_batch_stay_in_the_order_of_the_files() -> None:
    frame = read(H + b'"1",a\n2,b\n', H + b"3,c\n", H + b'4,"d"\n', H + b"5,e\n").frame
    assert frame["A"].to_list() == ["1", "2", "3", "4", "5"]
    assert frame[FILE].to_list() == [0, 0, 1, 2, 3]


def test_a_row_that_starts_below_a_line_end_in_quotes_has_its_physical_line() -> None:
    frame = read(H + b'1,"a\r\nb\n"\r\n2,c\n"3\n",d\n4,e\n', dataset=MULTILINE).frame
    assert frame["B"].to_list() == ["a\r\nb\n", "c", "d", "e"]
    assert frame[LINE].to_list() == [2, 5, 6, 8]


def test_bodies_are_decompressed_and_otherwise_untouched() -> None:
    latin = Dataset(schema=Pair, landing="landing", format=Csv(encoding="latin-1"))
    body = H + b"\xe9,x\r\n"
    text = read(gzip.compress(body), dataset=latin)
    assert text.bodies == [body]
    assert text.frame["A"].to_list() == ["é"]


def test_groups_of_the_files_name_become_columns_and_a_group_left_out_is_null() -> None:
    text = parse(NAMED, [Source("paris_1.csv", H + b"1,2\n"), Source("rome.csv", H + b"3,4\n")])
    assert text.frame.columns == ["A", "B", "Shop", "Part", FILE, LINE]
    assert text.frame["Shop"].to_list() == ["paris", "rome"]
    assert text.frame["Part"].to_list() == ["1", None]


def test_a_path_in_folders_gives_columns_from_all_of_it() -> None:
    dataset = replace(NAMED, recursive=True, from_path=r"(?P<Shop>[^/]+)/(?P<Part>[^/]+)\.csv")
    text = parse(dataset, [Source("paris/1.csv", H + b"1,2\n"), Source("rome.csv", H + b"3,4\n")])
    assert text.frame.select("Shop", "Part").rows() == [("paris", "1")]
    assert rules(text.found[1]) == [("from_path", None)]


def test_equal_bytes_in_two_folders_that_give_columns_are_two_contents(tmp_path: Path) -> None:
    dataset = replace(NAMED, landing=tmp_path, recursive=True, from_path=r"(?P<Shop>[^/]+)/(?P<Part>[^/]+)\.csv")
    identities = set[Identity]()
    for folder in ("paris", "rome"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.csv").write_bytes(H + b"1,2\n")
        path = f"{folder}/1.csv".encode()
        signature = find_signature(dataset.root, path)
        assert signature is not None
        content = read_file(dataset, SettledFile(path, signature))
        assert isinstance(content, FileContent)
        identities.add(content.identity)
    assert len(identities) == 2


def test_data_rows_count_refused_lines_too() -> None:
    text = read(H + b"1,a\n2\n\n3,c\n", H + b'1,"a\nb"\n', b"no header")
    assert text.data_rows == [4, 2, 0]
    assert [found.refused for found in text.found] == [2, 2, 0]
    assert [found.refused_lines for found in text.found] == [(3, 4), (2, 3), ()]


@pytest.mark.parametrize("plain", [True, False])
def test_findings_stop_at_their_limit_per_file_and_counts_do_not(plain: bool) -> None:
    bad = H + b"1\n" * (MAX_FINDINGS + 500) + b"1,2\n"
    text = read(bad, bad, H + b"1\n", plain=plain)
    assert [len(found.findings) for found in text.found] == [MAX_FINDINGS, MAX_FINDINGS, 1]
    assert [found.counts["ragged"] for found in text.found] == [MAX_FINDINGS + 500, MAX_FINDINGS + 500, 1]
    assert all(finding.raw == "1" for found in text.found for finding in found.findings)
    assert text.frame[LINE].to_list() == [MAX_FINDINGS + 502] * 2


def test_a_raw_text_is_shortened() -> None:
    (found,) = read(H + b"x" * 5_000 + b"\n").found
    assert found.findings[0].raw == "x" * 200


def test_a_large_file_is_read_whole() -> None:
    for body in (LARGE, LARGE.replace(b"\n", b"\r\n"), LARGE.replace(b"x", "é".encode()), LARGE[:-1]):
        text = read(body)
        assert text.frame["A"].to_list() == [str(number) for number in range(MANY)]
        assert text.frame[LINE].to_list() == list(range(2, MANY + 2))
        assert text.found == (NO_FINDINGS,)


@pytest.mark.parametrize(
    ("found", "spoilt"),
    [
        (("blank_line", 7), LARGE.replace(b"\n5,x", b"\n\n5,x")),
        (("blank_line", 7), LARGE.replace(b"\n5,x", b"\n\n5,x").replace(b"\n", b"\r\n")),
        (("line_end", 7), LARGE.replace(b"\n5,x", b"\n5\r,x")),
        (("line_end", 7), LARGE.replace(b"\n5,x", b"\n5\r,x").replace(b"\n", b"\r\n")),
        (("ragged", 7), LARGE.replace(b"\n5,x", b"\n5")),
        (("encoding", 7), LARGE.replace(b"\n5,x", b"\n5,\xff")),
        (("nul", 7), LARGE.replace(b"\n5,x", b"\n5,\0")),
        (("quote", 7), LARGE.replace(b"\n5,x", b'\n5,x"')),
        (("repeated_header", 7), LARGE.replace(b"\n5,x", b"\nA,B")),
    ],
)
def test_one_bad_line_in_a_large_file_is_found_either_way(found: tuple[str, int], spoilt: bytes) -> None:
    short, long = read(spoilt), read(spoilt, plain=False)
    assert rules(short.found[0]) == [found]
    assert short.found == long.found
    assert short.frame.equals(long.frame)


def test_a_row_longer_than_a_block_is_read_whole() -> None:
    wide = b"x" * MAX_CELL_BYTES
    text = read(H + b"1,2\n3\n" + wide + b"," + wide + b"\n5\n")
    assert text.frame.rows() == [("1", "2", 0, 2), (wide.decode(), wide.decode(), 0, 4)]
    assert rules(text.found[0]) == [("ragged", 3), ("ragged", 5)]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_may_have_a_length_and_no_byte_more(quote: bytes) -> None:
    longest = b"x" * MAX_CELL_BYTES
    text = read(H + b"1,2\n" + quote + longest + quote + b",3\n4," + quote + longest + b"x" + quote + b"\n5,6\n")
    assert [row[1:] for row in text.frame.rows()] == [("2", 0, 2), ("3", 0, 3), ("6", 0, 5)]
    (finding,) = text.found[0].findings
    assert (finding.rule, finding.line, finding.column, finding.raw) == ("cell", 4, "B", "x" * 200)
    assert "at most 1,048,576 bytes" in str(finding.expected)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,b", "upper and lower case differ; Header(ignore_case=True) takes it"),
        ("B,A", 'the columns are in another order; Header(by="name") takes it'),
        ("A;B", "the delimiter is ';'; Csv(delimiter=';') takes it"),
        ("A, B", "there are blanks around names; Header(strip=True) takes it"),
        ("1,2", "the header is missing"),
        ("A,A,B", "twice: A"),
        ("A,C", "missing: B; extra: C"),
        ("<html>", "this looks like an HTML or XML page"),
    ],
)
def test_a_wrong_header_is_told_by_what_is_wrong_with_it(line: str, reason: str) -> None:
    (found,) = read(line.encode() + b"\n1,2\n").found
    assert found.findings[0].expected == f"A,B ({reason})"
    assert found.refusal == f"header (line 1): expected A,B ({reason}), got {line}"


def test_a_delimiter_with_a_meaning_in_patterns_is_only_a_delimiter() -> None:
    for delimiter in ("|", "^", "\\", "-", "]", ".", "*", " ", "\t", ":", "\x01", "&", "~", "x"):
        dataset = Dataset(schema=Pair, landing="landing", format=Csv(delimiter=delimiter, decimal=","))
        body = 'A|B\n1|"a|""b"\n2|c\n3|a"b\n'.replace("|", delimiter).encode()
        text = read(body, dataset=dataset)
        assert text.frame["B"].to_list() == [f'a{delimiter}"b', "c"], delimiter
        assert rules(text.found[0]) == [("quote", 4)], delimiter


@pytest.mark.parametrize("processors", [1, 2, 5])
def test_a_large_file_is_parsed_in_pieces_and_its_ragged_lines_keep_their_numbers(
    processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(cells, "_PIECE_BYTES", 1)
    ragged = {7, 300, 301, 998}
    lines = [b"1,2,3" if number in ragged else f"{number},x".encode() for number in range(2, 1_001)]
    text = read(H + b"\n".join(lines) + b"\n")
    assert [finding.line for finding in text.found[0].findings] == sorted(ragged)
    assert text.frame[LINE].to_list() == [number for number in range(2, 1_001) if number not in ragged]
    assert text.frame.to_series(0).to_list() == [str(number) for number in text.frame[LINE]]
