"""A table written in a random declared dialect, layout and way of writing cells comes back equal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import dataframely as dy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.header import Header
from flows.model.numbers import Numbers
from flows.model.tables import FILE, LINE
from flows.model.time_forms import TimeForm
from flows.model.trailer import Trailer
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.validate import validate


class Sale(dy.Schema):
    ID = dy.Int64()
    Note = dy.String(nullable=True)
    Price = dy.Float64(nullable=True)
    Money = dy.Decimal(14, 2)
    Day = dy.Date()
    At = dy.Datetime()
    Open = dy.Bool()


NAMES = tuple(Sale.columns())
DAYS = (("%Y-%m-%d",), ("%d.%m.%Y",), ("%m/%d/%Y", "%Y-%m-%d"), ("%d-%b-%Y",), ("%d.%m.%Y", "%Y%m%d"))
MOMENTS = (("%Y-%m-%d %H:%M:%S%.f",), ("%d.%m.%Y %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S%.f"))
WORDS = ((("true",), ("false",)), (("ja", "J"), ("nein", "N")))
CURRENCIES = ("€", "EUR", "kr.")

type Row = tuple[int, str | None, Decimal | None, Decimal, date, datetime, bool]


@dataclass
class Written:
    """A file, how it is declared, and what is in it.

    Args:
        csv: the declaration.
        body: the bytes.
        rows: the values.
        grouped: how many numbers have thousands separators.
    """

    csv: Csv
    body: bytes
    rows: list[tuple[object, ...]] = field(default_factory=list)
    grouped: int = 0


@st.composite
def formats(draw: st.DrawFn) -> Csv:
    """A declaration that holds together."""

    def pick(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    decimal = pick(".", ",")
    delimiter = pick(*(mark for mark in (",", ";", "\t", "|", "||", "§") if mark != decimal))
    quote = pick('"', "'", None)
    taken = (decimal, delimiter if quote is None else None)
    thousands = pick(None, *(mark for mark in (".", ",", " ", "'") if mark not in taken))
    true, false = pick(*WORDS)
    by_name = draw(st.booleans())
    return Csv(
        delimiter=delimiter,
        decimal=decimal,
        encoding=pick("utf-8", "cp1252", "utf-16", ("utf-8", "cp1252")),
        date_format=pick(*DAYS),
        datetime_format=pick(*MOMENTS),
        nulls=pick(("",), ("", "N/A"), ("-", "")),
        true=true,
        false=false,
        quote=quote,
        escape=pick(None, "\\") if quote else None,
        comment=pick(None, "#"),
        sep_line=draw(st.booleans()),
        header=Header(by="name", extra="ignore") if by_name else pick(Header(), Header(by="position"), None),
        preamble="header" if by_name else pick(0, 2),
        footer=pick((), ("TOTAL.*", Trailer(r"SUM (?P<rows>\d+) (?P<Money>\S+)"))),
        blank_lines=pick("refuse", "skip"),
        padding=draw(st.booleans()),
        trailing_delimiter=draw(st.booleans()),
        numbers=Numbers(
            thousands=thousands,
            currency=pick((), CURRENCIES),
            percent=pick(None, "share", "number"),
            brackets=draw(st.booleans()),
            trailing_minus=draw(st.booleans()),
            plus=draw(st.booleans()),
            minus=pick((), ("\u2013",)),
        ),
    )


MONEY = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9)
MOMENT = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - the dataset's times have no zone


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A file in a random declaration."""
    csv = draw(formats())
    found = Written(csv, b"")
    order = list(draw(st.permutations(NAMES))) if csv.header is not None and csv.header.by == "name" else list(NAMES)
    extra = ["Extra"] if order != list(NAMES) and draw(st.booleans()) else []
    alphabet = "ab ,;|.'0€-" + ('"\\' if csv.quote else "")
    notes = st.text(st.sampled_from(alphabet), max_size=6).map(str.strip)
    lines, total = [], Decimal(0)
    for number in range(draw(st.integers(1, 6))):
        note, money = draw(notes), draw(MONEY)
        price = draw(st.none() | MONEY)
        day, at, is_open = draw(st.dates(date(1000, 1, 1))), draw(MOMENT), draw(st.booleans())
        if not csv.quote:
            note = note.replace(csv.delimiter, "").replace("|", "").strip()
        cells = {
            "ID": str(number),
            "Note": note,
            "Price": csv.nulls[0] if price is None else number_text(draw, found, price),
            "Money": number_text(draw, found, money),
            "Day": time_text(draw, csv.cells.date_forms, datetime(day.year, day.month, day.day)),  # noqa: DTZ001
            "At": time_text(draw, csv.cells.datetime_forms, at),
            "Open": draw(st.sampled_from(csv.true if is_open else csv.false)),
            "Extra": "x",
        }
        total += money
        kept = None if note in csv.nulls else note
        found.rows.append((number, kept, None if price is None else float(price), money, day, at, is_open))
        lines.append(line(draw, csv, [cells[name] for name in [*order, *extra]]))
        if csv.blank_lines == "skip" and draw(st.booleans()):
            lines.append("")
        if csv.comment and draw(st.booleans()):
            lines.append("# noon")
    head = ["sep=" + csv.delimiter] if csv.sep_line and draw(st.booleans()) else []
    above = ["Report", "of a day"] if csv.preamble else []
    header = [] if csv.header is None else [line(draw, csv, [*order, *extra], plain=True)]
    below = []
    if csv.footer:
        below = ["TOTAL of all", f"SUM {len(found.rows)} {str(total).replace('.', csv.decimal)}"]
    text = "".join(each + draw(st.sampled_from(("\n", "\r\n"))) for each in (*head, *above, *header, *lines, *below))
    codec = csv.encoding if isinstance(csv.encoding, str) else draw(st.sampled_from(csv.encoding))
    found.body = text.encode(codec)
    return found


def number_text(draw: st.DrawFn, found: Written, value: Decimal) -> str:
    """A number with marks that are declared."""
    csv, numbers = found.csv, found.csv.numbers
    percent = numbers.percent is not None and draw(st.booleans())
    shown = abs(value) * 100 if percent and numbers.percent == "share" else abs(value)
    digits = f"{shown:f}"
    if numbers.thousands and draw(st.booleans()):
        digits = f"{shown:,f}".replace(",", "T")
        found.grouped += "T" in digits
        digits = digits.replace("T", draw(st.sampled_from(numbers.separators.replace("\u202f", ""))))
        digits = (
            f"{digits.rpartition('.')[0]}{csv.decimal}{digits.rpartition('.')[2]}" if "." in f"{shown:f}" else digits
        )
    else:
        digits = digits.replace(".", csv.decimal)
    unit = "%" if percent else draw(st.sampled_from(("", *numbers.currency)))
    gap = draw(st.sampled_from(("", " ", "\u00a0"))) if unit else ""
    before = unit != "%" and unit != "" and draw(st.booleans())
    body = f"{unit}{gap}{digits}" if before else f"{digits}{gap}{unit}"
    if value.is_signed() and value != 0:
        signs = [("-", ""), *([("(", ")")] if numbers.brackets else []), *((sign, "") for sign in numbers.minus)]
        first, last = draw(st.sampled_from([*signs, *([("", "-")] if numbers.trailing_minus else [])]))
        return f"{first}{body}{last}"
    return f"{draw(st.sampled_from(('', '+')))}{body}" if numbers.plus else body


def time_text(draw: st.DrawFn, forms: tuple[TimeForm, ...], moment: datetime) -> str:
    """A day or a moment in one of the forms, and a name in some case."""
    form = draw(st.sampled_from(forms))
    text = form.write(moment)
    assert text is not None
    return draw(st.sampled_from((text, text.upper()))) if "%b" in form.text else text


def line(draw: st.DrawFn, csv: Csv, cells: list[str], *, plain: bool = False) -> str:
    """A row in a dialect; cells that need quotes have them."""
    fields = [cell if plain else field_text(draw, csv, cell) for cell in cells]
    return csv.delimiter.join(fields) + (csv.delimiter if csv.trailing_delimiter else "")


def field_text(draw: st.DrawFn, csv: Csv, cell: str) -> str:
    """A cell in a dialect."""
    if csv.quote is None:
        return cell
    special = any(mark in cell for mark in (*csv.delimiter, csv.quote, csv.escape or csv.quote))
    if special or draw(st.booleans()):
        inner = cell.replace(csv.escape, csv.escape * 2) if csv.escape else cell
        cell = csv.quote + inner.replace(csv.quote, (csv.escape or csv.quote) + csv.quote) + csv.quote
    return f" {cell}  " if csv.padding and draw(st.booleans()) else cell


def comes_back(file: Written) -> None:
    dataset = Dataset(schema=Sale, landing="landing", format=file.csv)
    short, long = (parse(dataset, [Source("f.csv", file.body)], plain=plain) for plain in (True, False))
    assert short.frame.equals(long.frame) and short.found == long.found
    checked = validate(dataset, short)
    assert checked.verdicts[0].findings == ()
    assert checked.rows.drop(FILE, LINE).rows() == file.rows
    told = [each.count for each in checked.verdicts[0].tolerated if each.kind == "thousands separators"]
    assert sum(told) == file.grouped


@pytest.mark.parametrize("examples", [60, pytest.param(3_000, marks=pytest.mark.deep)])
def test_what_is_written_as_it_is_declared_comes_back_equal(examples: int) -> None:
    settings(max_examples=examples, deadline=None)(given(written())(comes_back))()
