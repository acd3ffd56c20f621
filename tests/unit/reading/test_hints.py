"""What is refused for how its lines are written says the one option that would take it: tried before it is said."""

from __future__ import annotations

import dataclasses

import dataframely as dy
import pytest

from flows.model.dataset import Dataset
from flows.model.findings import Finding
from flows.model.formats import Csv
from flows.model.header import Header
from flows.reading.csv.reader import CsvReader
from flows.reading.port import Source
from flows.validation.raw_rows import RawRows


class Sales(dy.Schema):
    """Two columns."""

    Product = dy.String()
    Amount = dy.Float64(nullable=True)


SALES = Dataset(Sales, "in")
POSITION = Csv(header=Header(by="position"))
CASES = {
    "Csv(preamble='header') takes it": ("Report of May\n\nProduct,Amount\nx,1\n", Csv(preamble="header")),
    "Csv(comment='#') takes it": ("# a comment\nProduct,Amount\nx,1\n", Csv(comment="#")),
    "Csv(sep_line=True) takes it": ("sep=,\nProduct,Amount\nx,1\n", Csv(sep_line=True)),
    "Csv(header=None) takes it, if it has none": ("x,1\ny,2\n", Csv(header=None)),
    'Csv(header=Header(by="position")) takes it': ("Sales,Sales\nx,1\n", POSITION),
    'Header(by="name", missing="null") takes it': ("Product\nx\n", Csv(header=Header(by="name", missing="null"))),
    "Csv(delimiter='||') takes it": ("Product||Amount\nx||1\n", Csv(delimiter="||")),
    "Csv(delimiter='§') takes it": ("Product§Amount\nx§1\n", Csv(delimiter="§")),
    "Csv(trailing_delimiter=True) takes it": ("Product,Amount\nx,1,\n", Csv(trailing_delimiter=True)),
    "(it ends with a delimiter; Csv(trailing_delimiter=True) takes it)": (
        "Product,Amount,\nx,1,\n", Csv(trailing_delimiter=True),
    ),
    "Csv(escape='\\\\') takes it": ('Product,Amount\n"19\\" and more",1\n', Csv(escape="\\")),
    "Csv(quote=\"'\") takes it": ("Product,Amount\n'x, y',1\n", Csv(quote="'")),
    "Csv(quote=None) takes it": ('Product,Amount\n19" monitor,1\n', Csv(quote=None)),
    "Csv(multiline=True) takes it": ('Product,Amount\n"x\ny",1\n', Csv(multiline=True)),
    "Csv(blank_lines='skip') takes it": ("Product,Amount\nx,1\n\ny,2\n", Csv(blank_lines="skip")),
    "Csv(footer=('TOTAL.*',)) takes it": ("Product,Amount\nx,1\nTOTAL 1 of 1\n", Csv(footer=("TOTAL.*",))),
    "Csv(footer=('\\x1a',)) takes it": ("Product,Amount\nx,1\n\x1a", Csv(footer=("\x1a",))),
}  # fmt: skip
OTHERWISE_WRONG = {
    "a header in other words": "Artikel,Betrag\nx,1\n",
    "a row before a second header, which would be left out": "x,1\nProduct,Amount\ny,2\n",
    "fields in quotes beside one that is not": 'Product,Amount\n19" monitor,1\n"x, y",2\n',
    "a row that was cut off": "Product,Amount\nx,1\ny\n",
    "a column that may not be null missing": "Amount\n1\n",
    "a column between two": "Product,Channel,Amount\nx,web,1\n",
    "a field too many": "Product,Amount\nx,1,2\n",
    "a quote that nobody closes": 'Product,Amount\n"x,1\ny,2\n',
}


def read(text: str, form: Csv | None = None) -> RawRows:
    dataset = dataclasses.replace(SALES, format=form or Csv())
    return CsvReader(dataset).parse([Source("a.csv", text.encode())])


def first(rows: RawRows) -> Finding:
    return rows.found[0].findings[0]


@pytest.mark.parametrize(("said", "text", "form"), [(said, *case) for said, case in CASES.items()], ids=list(CASES))
def test_the_option_that_is_named_takes_the_file(said: str, text: str, form: Csv) -> None:
    finding = first(read(text))
    assert finding.expected is not None and said in finding.expected
    taken = read(text, form)
    assert not taken.found[0].findings and taken.found[0].refusal is None and len(taken.frame)


@pytest.mark.parametrize("text", OTHERWISE_WRONG.values(), ids=list(OTHERWISE_WRONG))
def test_none_is_named_that_would_take_something_else(text: str) -> None:
    assert all(
        "Csv(" not in (finding.expected or "") and "missing=" not in (finding.expected or "")
        for finding in read(text).found[0].findings
    )


def test_what_is_named_is_counted_once_it_is_declared() -> None:
    found = read("Product\nx\ny\n", Csv(header=Header(by="name", missing="null"))).found[0]
    assert [each.words for each in found.tolerated] == ["column Amount missing in 2 rows"]


def test_nothing_is_said_of_lines_so_far_below_that_no_option_was_tried_on_them() -> None:
    rows = "x,1\n" * 20_000
    far = read(f"Product,Amount\n{rows}TOTAL 1\n{rows}").found[0].findings
    assert [finding.expected for finding in far] == ["2 fields, got 1"]
    near = read(f"Report\nProduct,Amount\n{rows}").found[0].findings
    assert "preamble" in (near[0].expected or "")


def test_each_file_of_a_batch_has_its_own_and_a_refused_one_says_it_in_its_reason() -> None:
    files = {"good": "Product,Amount\nx,1\n", "above": "May\nProduct,Amount\nx,1\n", "below": "Product,Amount\nx,1,\n"}
    rows = CsvReader(SALES).parse([Source(name, text.encode()) for name, text in files.items()])
    good, above, below = rows.found
    assert not good.findings
    assert above.refusal is not None and "Csv(preamble='header') takes it" in above.refusal
    assert "trailing_delimiter" in (below.findings[0].expected or "")


def test_bytes_in_another_encoding_are_shown_as_what_they_would_be() -> None:
    dataset = SALES
    western = CsvReader(dataset).parse([Source("a.csv", "Product,Amount\ncafé,1\n".encode("cp1252"))])
    expected = first(western).expected or ""
    assert "in cp1252 it is 'café,1': Csv(encoding=('utf-8', 'cp1252')) takes it, if that is right" in expected
    marked = CsvReader(dataset).parse([Source("a.csv", "Product,Amount\ncafé,1\n".encode("utf-16"))])
    assert (first(marked).expected or "").endswith("Csv(encoding=('utf-8', 'utf-16')) takes it")
