"""People's files: lines above and below the rows, headers that name columns, marks of many kinds."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import pytest

from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.model.findings import FileFindings
from flows.model.formats import Csv
from flows.model.header import Header
from flows.model.tables import LINE
from flows.model.trailer import Trailer
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.raw_rows import RawRows


class Pair(dy.Schema):
    A = dy.String()
    B = dy.String(nullable=True)


ONE_ROW = [("1", "x", 2)]


def read(body: bytes | str, *, plain: bool = True, **options: Any) -> RawRows:
    dataset = Dataset(schema=Pair, landing="landing", format=Csv(**options))
    return parse(dataset, [Source("f.csv", body.encode() if isinstance(body, str) else body)], plain=plain)


def rows(body: bytes | str, **options: Any) -> list[tuple[object, ...]]:
    """The rows with their lines, the same on the short and on the long way."""
    short, long = (read(body, plain=plain, **options) for plain in (True, False))
    assert short.found == long.found and not short.found[0].counts, short.found
    assert short.frame.equals(long.frame)
    return short.frame.select("A", "B", LINE).rows()


def tolerated(body: bytes | str, **options: Any) -> list[str]:
    return [each.words for each in read(body, **options).found[0].tolerated]


def found(body: bytes | str, **options: Any) -> list[tuple[str, int | None, str | None]]:
    (only,) = read(body, **options).found
    return [(each.rule, each.line, each.raw) for each in only.findings]


def expected(body: bytes | str, **options: Any) -> str:
    (only,) = read(body, **options).found
    return str(only.findings[0].expected)


# Marks


@pytest.mark.parametrize(
    ("delimiter", "row"),
    [("||", "1|||x"), ("||", '"1"|||x'), ("::", "1:::::x"), ("<><", "1<><><x"), ("aba", "1ababax")],
)
def test_a_delimiter_that_could_begin_at_two_places_is_never_chosen(delimiter: str, row: str) -> None:
    body = f"A{delimiter}B\n{row}\n"
    assert found(body, delimiter=delimiter) == [("delimiter", 2, row)]
    assert rows(f"A{delimiter}B\n1{delimiter}\n", delimiter=delimiter) == [("1", "", 2)]


def test_what_is_shown_of_a_row_has_the_delimiter_of_the_file() -> None:
    assert found("A||B\n1||||2\n", delimiter="||") == [("ragged", 2, "1||||2")]
    assert found('A||B\n1||"2\n', delimiter="||") == [("quote", 2, '1||"2')]
    assert tolerated("A||B\n#1||2\n", delimiter="||", comment="#")[0].endswith("'#1||2'")


@pytest.mark.parametrize("delimiter", ["||", "§", "::", ";", "\t", "|~|"])
def test_a_delimiter_may_be_any_text(delimiter: str) -> None:
    body = f'A{delimiter}B\n1{delimiter}"x{delimiter}y"\n'
    assert rows(body, delimiter=delimiter) == [("1", f"x{delimiter}y", 2)]
    assert found(f"A{delimiter}B\n1\n", delimiter=delimiter) == [("ragged", 2, "1")]


def test_a_text_with_the_separator_that_stands_for_a_long_delimiter_is_refused() -> None:
    assert found("A||B\n1||\x1f\n", delimiter="||") == [("delimiter", 2, "\x1f")]


def test_a_quote_may_be_another_character() -> None:
    assert rows("A,B\n1,'x,''y'''\n2,\"z\n", quote="'") == [("1", "x,'y'", 2), ("2", '"z', 3)]


def test_without_quoting_a_quote_is_a_character_like_others() -> None:
    assert rows('A;B\n1;19" monitor\n"2;"x\n', delimiter=";", quote=None) == [("1", '19" monitor', 2), ('"2', '"x', 3)]


def test_an_escape_takes_the_meaning_of_what_follows() -> None:
    body = r'A,B' "\n" r'1,"x\"y, z"' "\n" r'2,x\,y' "\n" r'3,\\' "\n"  # fmt: skip
    assert rows(body, escape="\\") == [("1", 'x"y, z', 2), ("2", "x,y", 3), ("3", "\\", 4)]


def test_an_escape_at_the_end_of_a_line_is_a_finding() -> None:
    assert found("A,B\n1,x\\\n2,y\n", escape="\\") == [("escape", 2, "1,x\\")]


def test_quoted_cells_with_escapes_may_go_over_line_ends() -> None:
    assert rows('A,B\n1,"x\\"\ny"\n2,z\n', escape="\\", multiline=True) == [("1", 'x"\ny', 2), ("2", "z", 4)]


def test_padding_around_cells_and_quotes_is_left_out_and_counted() -> None:
    body = 'A , B\n 1 ,\t"x, y" \n2,"a, ""b"""\n'
    options = {"padding": True, "header": Header(strip=True)}
    assert rows(body, **options) == [("1", "x, y", 2), ("2", 'a, "b"', 3)]
    assert tolerated(body, **options) == ["1 cell with blanks around the value"]


@pytest.mark.parametrize(("delimiter", "end"), [(",", "\r\n"), ("\t", "\n"), ("\t", "\r\n")])
def test_padding_around_quotes_is_no_delimiter_and_no_line_end(delimiter: str, end: str) -> None:
    body = (
        delimiter.join(("A", "B"))
        + end
        + delimiter.join((' "1"', ' "x"  '))
        + end
        + delimiter.join((' "2" ', ""))
        + end
    )
    assert rows(body, delimiter=delimiter, padding=True) == [("1", "x", 2), ("2", "", 3)]


def test_rows_may_end_with_a_delimiter_and_then_all_have_to() -> None:
    options = {"delimiter": ";", "trailing_delimiter": True}
    assert rows("A;B\n1;x;\n", **options) == rows("A;B;\n1;x;\n", **options) == ONE_ROW
    assert found("A;B\n1;x;\n2;y\n", **options) == [("delimiter", 3, "2;y")]


# Lines that are no rows


def test_a_line_that_names_the_delimiter_is_left_out() -> None:
    body = "sep=;\nA;B\n1;x\n"
    assert rows(body, delimiter=";", sep_line=True) == [("1", "x", 3)]
    assert tolerated(body, delimiter=";", sep_line=True) == ["line 1 names the delimiter: 'sep=;'"]
    assert found("sep=,\nA;B\n", delimiter=";", sep_line=True) == [("delimiter", 1, "sep=,")]
    assert rows("A;B\n1;x\n", delimiter=";", sep_line=True) == ONE_ROW


def test_a_number_of_lines_above_the_header_is_left_out_and_shown() -> None:
    body = "Sales of 2024\n\nA,B\n1,x\n"
    assert rows(body, preamble=2) == [("1", "x", 4)]
    assert tolerated(body, preamble=2) == ["2 lines above the header left out: 'Sales of 2024'"]
    assert found("one\n", preamble=3) == [("preamble", 2, "the end of the file")]


def test_the_header_is_looked_for_below_what_stands_above_it() -> None:
    body = "Sales\n;;\nA,B\n1,x\n"
    assert rows(body, preamble="header") == [("1", "x", 4)]
    assert rows("A,B\n1,x\n", preamble="header") == ONE_ROW
    assert found("Sales\n" * 3, preamble="header") == [("header", 1, "Sales")]
    assert "among the first 3 lines" in expected("Sales\n" * 3, preamble="header")


def test_a_preamble_that_never_ends_is_not_read_to_the_end() -> None:
    assert "among the first 1,000 lines" in expected("Sales\n" * 5_000, preamble="header")


def test_a_second_header_below_the_first_is_a_finding() -> None:
    assert found("Sales\nA,B\nA,B\n1,x\n", preamble="header") == [("repeated_header", 3, "A,B")]


def test_lines_below_the_rows_that_match_are_left_out_and_shown() -> None:
    body = "A,B\n1,x\n\nTOTAL,1\nprinted on Monday\n"
    options = {"footer": ("TOTAL,.*", "printed .*")}
    assert rows(body, **options) == ONE_ROW
    assert tolerated(body, **options) == ["3 footer lines left out, line 4: 'TOTAL,1'"]
    assert rows("A,B\n1,x\n", **options) == ONE_ROW and tolerated("A,B\n1,x\n", **options) == []


def test_a_line_that_matches_among_the_rows_is_a_row() -> None:
    assert rows("A,B\nTOTAL,x\n1,y\n", footer=("TOTAL,.*",)) == [("TOTAL", "x", 2), ("1", "y", 3)]


def test_blank_lines_at_the_end_without_a_footer_are_judged_like_others() -> None:
    assert found("A,B\n1,x\n\n", footer=("TOTAL,.*",)) == [("blank_line", 3, "")]


def test_a_dos_end_mark_may_stand_below_the_rows() -> None:
    assert rows("A,B\n1,x\n\x1a", footer=("\x1a",)) == ONE_ROW


def test_a_trailer_says_how_many_rows_there_are() -> None:
    options = {"footer": (Trailer(r"ROWS,(?P<rows>\d+)"),)}
    assert rows("A,B\n1,x\nROWS,1\n", **options) == ONE_ROW
    assert found("A,B\n1,x\nROWS,2\n", **options) == [("trailer", 3, "ROWS,2")]
    assert found("A,B\n1,x\n", **options) == [("trailer", None, "no such line")]
    assert found("A,B\n1,x\nROWS,1\nROWS,1\n", **options)[0][:2] == ("trailer", 4)


def test_comments_and_blank_lines_may_be_left_out() -> None:
    body = "# made by a till\nA,B\n1,x\n# noon\n\n,\n2,y\n"
    options = {"comment": "#", "blank_lines": "skip"}
    assert rows(body, **options) == [("1", "x", 3), ("2", "y", 7)]
    assert tolerated(body, **options) == [
        "1 line above the header left out: '# made by a till'",
        "1 comment left out, the first on line 4: '# noon'",
        "2 blank lines left out, the first on line 5",
    ]
    assert found("A,B\n1,x\n\n2,y\n") == [("blank_line", 3, "")]


# Headers


def test_columns_may_come_in_any_order() -> None:
    assert rows("B,A\nx,1\n", header=Header(by="name")) == ONE_ROW


def test_files_of_different_orders_are_read_together() -> None:
    dataset = Dataset(schema=Pair, landing="landing", format=Csv(header=Header(by="name")))
    bodies = (b"A,B\n1,x\n", b"B,A\ny,2\n", b'A,B\n3,"z"\n')
    frame = parse(dataset, [Source("f.csv", body) for body in bodies]).frame
    assert frame.rows() == [("1", "x", 0, 2), ("2", "y", 1, 2), ("3", "z", 2, 2)]


def test_several_columns_may_be_ignored_of_the_same_name_too() -> None:
    body = "C,A,D,B,D\n,1,2,x,3\n"
    assert rows(body, header=Header(by="name", extra="ignore")) == ONE_ROW
    assert tolerated(body, header=Header(by="name", extra="ignore")) == [
        "column C ignored (0 values)", "column D ignored (1 value)", "column D ignored (1 value)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "options", "repeated"),
    [
        ("B,A\nA,B\n", {}, "A,B"),
        ("A,B\nB,A\n", {}, "B,A"),
        ("A,B\n b ,a\n", {"ignore_case": True, "strip": True}, " b ,a"),
        ("A,B\nX,B\n", {"aliases": {"X": "A"}}, "X,B"),
        ("A,B,C\nA,B,D\n", {"extra": "ignore"}, "A,B,D"),
    ],
)
def test_a_row_that_could_be_the_header_is_none(body: str, options: Any, repeated: str) -> None:
    header = Header(**{"by": "name"} | options)
    assert found(body, header=header) == [("repeated_header", 2, repeated)]


def test_a_row_that_has_a_name_twice_is_a_row() -> None:
    assert rows("A,B\nA,A\n", header=Header(by="name")) == [("A", "A", 2)]


def test_names_are_the_same_in_one_piece_and_in_two() -> None:
    class Umlaut(dy.Schema):
        A = dy.String(alias="\u00c4")

    for header in (Header(), Header(by="name")):
        dataset = Dataset(schema=Umlaut, landing="landing", format=Csv(header=header))
        (only,) = parse(dataset, [Source("f.csv", "A\u0308\n1\n".encode())]).found
        assert not only.counts
        (again,) = parse(dataset, [Source("f.csv", "\u00c4\n1\n\u00c4\n".encode())]).found
        assert again.counts == {"repeated_header": 1}


@pytest.mark.parametrize(
    "header",
    [
        Header(by="name", aliases={"X": "Nobody"}),
        Header(by="name", aliases={"A": "B"}),
        Header(by="name", aliases={"x": "A", "X": "B"}, ignore_case=True),
        Header(by="name", aliases={"a": "B"}, ignore_case=True),
    ],
)
def test_a_text_of_a_header_means_one_column(header: Header) -> None:
    with pytest.raises(DeclarationError, match="aliases"):
        read("A,B\n1,x\n", header=header)


def test_columns_that_nobody_declares_are_refused_or_ignored_and_counted() -> None:
    body = "A,Channel,B\n1,web,x\n2,,y\n"
    assert rows(body, header=Header(by="name", extra="ignore")) == [("1", "x", 2), ("2", "y", 3)]
    assert tolerated(body, header=Header(by="name", extra="ignore")) == ["column Channel ignored (1 value)"]
    assert 'extra: Channel; Header(by="name", extra="ignore") takes it' in expected(body)


def test_a_column_that_may_be_null_may_be_missing() -> None:
    assert rows("A\n1\n", header=Header(by="name", missing="null")) == [("1", None, 2)]
    assert "missing: A" in expected("B\nx\n", header=Header(by="name", missing="null"))
    assert "missing: B" in expected("A\n1\n", header=Header(by="name"))


def test_names_may_be_written_in_other_ways() -> None:
    header = Header(aliases={"Nummer": "A"}, ignore_case=True, strip=True)
    assert rows("NUMMER, b \n1,x\n", header=header) == ONE_ROW
    assert "twice: A" in expected("Nummer,A,B\n1,2,x\n", header=Header(by="name", aliases={"Nummer": "A"}))


def test_a_header_may_count_alone_or_not_be_there() -> None:
    assert rows("Nummer,Text\n1,x\n", header=Header(by="position")) == ONE_ROW
    assert rows("1,x\n", header=None) == [("1", "x", 1)]
    assert found("1,x,y\n", header=None) == [("ragged", 1, "1,x,y")]


def test_a_header_cell_may_hold_a_line_end() -> None:
    header = Header(aliases={"A\n(net)": "A"})
    assert rows('"A\n(net)",B\n1,x\n', header=header, multiline=True) == [("1", "x", 3)]


# Encodings


@pytest.mark.parametrize(("text", "encoding"), [("1,€", "cp1252"), ("1,\x81€", "utf-8")])
def test_the_first_encoding_in_which_all_of_a_file_is_text_is_taken_and_shown(text: str, encoding: str) -> None:
    body = f"A,B\n{text}\n".encode(encoding)
    assert rows(body, encoding=("utf-8", "cp1252")) == [("1", text[2:], 2)]
    assert tolerated(body, encoding=("utf-8", "cp1252")) == [f"encoding {encoding}"]


def test_a_mark_decides_among_the_encodings() -> None:
    body = "A,B\n1,é\n".encode("utf-16")
    assert rows(body, encoding=("cp1252", "utf-16")) == [("1", "é", 2)]
    assert found(body, encoding=("utf-8", "cp1252"))[0][0] == "encoding"


def test_a_file_that_is_text_in_no_encoding_is_refused() -> None:
    assert found(b"A,B\n1,\x81\n", encoding=("utf-8", "cp1252"))[0][:2] == ("encoding", 2)


def test_what_stands_in_a_file_beside_the_rows_stays_with_a_refused_file() -> None:
    only: FileFindings = read("Sales\nA,B\n1\n", preamble=1).found[0]
    assert only.counts == {"ragged": 1} and [each.kind for each in only.tolerated] == ["preamble"]
