"""The type of each column, and how its values are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.inference.evidence import Question, Reading, Wishes, share
from flows.inference.names import ending_in
from flows.inference.numbers import NumberReading, NumberStyle, may_be_numbers, read_numbers, used_numbers
from flows.inference.times import TimeForms, choose_forms, find_time_forms
from flows.model.numbers import PLAIN_NUMBERS, Numbers
from flows.model.time_forms import FIRST_YEAR
from flows.model.types.decimal import MOST_DIGITS

NULLS = frozenset((
    "NULL", "null", "Null", "NA", "N/A", "n/a", "#N/A", "#NV", "NaN", "nan", "None", "none", "nil", "-", "--", "—", "–",
    "?", ".", "..", "k.A.", "k. A.", "n.a.", "(null)", "\\N", "(leer)", "(blank)",
))  # fmt: skip
"""Texts that mean "no value" where all others of their column are numbers or times."""
_TRUTHS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("ja", "nein"), ("j", "n"), ("oui", "non"), ("si", "no"),
    ("sí", "no"), ("wahr", "falsch"), ("vrai", "faux"), ("t", "f"),
)  # fmt: skip
_CODE = ending_in("id|nr|no|number|nummer|code|plz|zip|postcode|phone|tel|account|konto|ean|gtin|sku|key")
"""Names of numbers that nobody adds up."""
_SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, 999999.0)
_INT64 = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_FIXED = r"^-?\d+(?:\.\d+)?$"
_MONEY_DIGITS, _MONEY_PLACES = 18, 2
"""Numbers of two decimals are kept exactly."""
_FLOAT_DIGITS, _FEW_PLACES = 15, 6
"""Digits that a float keeps; numbers with few places and more digits are counted, not measured."""


@dataclass(frozen=True)
class Column:
    """What was understood of a column.

    Args:
        text: what headers call it.
        kind: how a schema declares it, such as `Int64` or `Date`.
        nullable: whether it has no value somewhere.
        values: how many it has.
        rows: how many rows there are.
        why: from what its type was understood.
        arguments: what its declaration takes besides.
        places: digits that its numbers have behind the point at most; None where that is not known.
        uncertain: why it may be otherwise.
        is_code: whether it is text although all its values are whole numbers.
        forms: of its days or moments.
        marks: what its numbers have besides digits.
        words: which mean true and false.
        nulls: its texts that mean "no value".
        held: those that mean it elsewhere and are text here.
    """

    text: str
    kind: str
    nullable: bool
    values: int
    rows: int
    why: str
    arguments: str = ""
    places: int | None = None
    uncertain: str = ""
    is_code: bool = False
    forms: tuple[str, ...] = ()
    marks: Numbers = PLAIN_NUMBERS
    words: tuple[str, str] | None = None
    nulls: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """From how many values its type was understood."""
        return f"{share(self.values, self.rows)} values" if self.values else "no values"


@dataclass(frozen=True)
class Columns:
    """What was understood of all columns.

    Args:
        columns: in the order of the headers.
        decimal: the decimal sign of their numbers.
        questions: what the samples do not decide.
    """

    columns: tuple[Column, ...]
    decimal: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class _Texts:
    """The different texts of a column, and how often it has none."""

    name: str
    values: pl.Series
    absent: int
    tokens: tuple[str, ...]


def find_columns(frame: pl.DataFrame, names: Mapping[str, str], wishes: Wishes) -> Columns:
    """What the columns of a text table hold.

    Args:
        frame: the cells, each as it stands in its file; null where a file has no such column.
        names: the texts of the headers → the columns of the frame.
        wishes: what is decided already.
    """
    texts = {name: _different(frame[column], name) for name, column in names.items()}
    truths = {name: pair for name, each in texts.items() if (pair := _truth(each.values)) is not None}
    rest = {name: each.values for name, each in texts.items() if name not in truths and len(each.values)}
    times = {name: found for name, each in rest.items() if (found := find_time_forms(each, wishes.dates))}
    candidates = {name: each for name, each in rest.items() if name not in times and _may_be_number(each)}
    readings = read_numbers(candidates, wishes.decimal) if candidates else []
    numbers = readings[0] if readings else NumberReading(NumberStyle(".", PLAIN_NUMBERS), {})
    forms, time_questions = choose_forms(times, rest)
    columns = [_column(each, frame.height, numbers, times, forms, truths) for each in texts.values()]
    percents = [each.text for each in columns if each.marks.percent is not None and wishes.percent is None]
    questions = (*time_questions, *_number_questions(readings, candidates), *map(_percent_question, percents))
    return Columns(tuple(_with_percent(each, wishes) for each in columns), numbers.style.decimal, questions)


def _different(cells: pl.Series, name: str) -> _Texts:
    """Each text of a column once; texts that mean "no value" apart, where all others are numbers or times."""
    counts = cells.value_counts(name="count").rename({cells.name: "text"})
    filled = counts.filter(pl.col("text").is_not_null() & (pl.col("text") != ""))
    empty = cells.null_count() + int((cells == "").sum())
    token = pl.col("text").is_in(list(NULLS))
    rest = filled.filter(~token)
    held = filled.filter(token)
    typed = rest.height and (may_be_numbers(rest["text"]) or find_time_forms(rest["text"], None) is not None)
    if not (held.height and typed):
        rest, held = filled, filled.clear()
    absent = empty + int(held["count"].sum())
    return _Texts(name, rest["text"].sort().alias(name), absent, tuple(held["text"].sort()))


def _may_be_number(values: pl.Series) -> bool:
    """Whether texts may be numbers: digits that begin with a zero are none, since it would be lost."""
    return may_be_numbers(values) and not values.str.contains(r"^[-+]?0\d").any()


def _column(
    texts: _Texts,
    rows: int,
    numbers: NumberReading,
    times: Mapping[str, TimeForms],
    forms: Mapping[str, tuple[str, ...]],
    truths: Mapping[str, tuple[str, str]],
) -> Column:
    name, values = texts.name, texts.values
    found = Column(name, "String", texts.absent > 0, rows - texts.absent, rows, "text", nulls=texts.tokens)
    if not len(values):
        return replace(found, why="no file has a value", uncertain="it may be of any type")
    if name in truths:
        return replace(found, kind="Bool", why=" and ".join(truths[name]), words=truths[name])
    if name in times:
        return _time(found, forms[name], is_day=times[name].is_day)
    if name in numbers.plain:
        marks = used_numbers(numbers.style, values)
        return replace(number_column(found, numbers.plain[name]), marks=marks)
    held = tuple(values.filter(values.is_in(list(NULLS))))
    zero = values.str.contains(r"^0\d+$").any() and may_be_numbers(values)
    why = "digits that begin with a zero, which a number would lose" if zero else "text"
    return replace(found, why=why, held=held)


def _with_sentinel(column: Column, plain: pl.Series) -> Column:
    """The column with a word of caution, where its least or greatest number is one that often stands for nothing."""
    numbers = plain.cast(pl.Float64)
    found = [each for each in (numbers.min(), numbers.max()) if each in _SENTINELS]
    return replace(column, uncertain=f"{found[0]:g} may mean no value: see nulls") if found else column


def _time(column: Column, forms: tuple[str, ...], *, is_day: bool) -> Column:
    found = replace(column, kind="Date" if is_day else "Datetime", forms=forms, why=f"written as {' or '.join(forms)}")
    if any("%y" in form for form in forms):
        return replace(found, uncertain=f"years are {FIRST_YEAR} to {FIRST_YEAR + 99}; first_year says otherwise")
    if not forms[0].endswith("%z"):
        return found
    return replace(found, arguments='time_zone="UTC"', uncertain="another time_zone shows it by other clocks")


def number_column(column: Column, plain: pl.Series) -> Column:
    """A column of numbers, each written in plain digits."""
    column = _with_sentinel(column, plain)
    whole = plain.str.contains(f"^(?:{_INT64.pattern})$").all()
    if whole and _CODE.search(column.text):
        why = "digits of a code that nobody adds up"
        return replace(column, why=why, uncertain="dy.Int64() adds it up", is_code=True)
    if whole:
        return replace(column, kind="Int64", places=0, why="whole numbers")
    return _fraction(column, plain)


def _fraction(column: Column, plain: pl.Series) -> Column:
    """Money, and what a float would round, is kept exactly."""
    if not plain.str.contains(_FIXED).all():
        return replace(column, kind="Float64", why="numbers with decimals")
    places, before = (_most_digits(plain, each) for each in (r"\.(\d+)$", r"^-?0*(\d+)"))
    column = replace(column, places=places)
    if places == _MONEY_PLACES and before + places <= _MONEY_DIGITS:
        why = f"numbers with at most {_MONEY_PLACES} decimals"
        return replace(column, kind="Decimal", arguments=f"{_MONEY_DIGITS}, {_MONEY_PLACES}", why=why)
    if before + places <= _FLOAT_DIGITS or places > _FEW_PLACES:
        return replace(column, kind="Float64", why="numbers with decimals")
    why = f"numbers of up to {before + places} digits, which a float would round"
    if before + places > MOST_DIGITS:
        return replace(column, why=why)
    return replace(
        column, kind="Decimal", arguments=f"{MOST_DIGITS}, {places}" if places else str(MOST_DIGITS), why=why
    )


def _most_digits(plain: pl.Series, pattern: str) -> int:
    found = plain.str.extract(pattern).str.len_bytes().fill_null(0).max()
    assert isinstance(found, int)
    return found


def _number_questions(readings: Sequence[NumberReading], columns: Mapping[str, pl.Series]) -> list[Question]:
    if len(readings) < 2:
        return []
    first, second, *_ = readings
    for name, texts in columns.items():
        if name not in first.plain or name not in second.plain:
            continue
        values = [each.plain[name].cast(pl.Float64) for each in (first, second)]
        place = (values[0] != values[1]).arg_true()
        if len(place):
            text = texts[place[0]]
            shown = [Reading(each.style.decimal, f"{text} is {each.plain[name][place[0]]}") for each in readings]
            return [Question(name, shown, "--decimal")]
    return []


def _truth(values: pl.Series) -> tuple[str, str] | None:
    """The words of a column that has two, which mean true and false."""
    lower = {text.lower(): text for text in values} if len(values) == 2 else {}
    return next(((lower[yes], lower[no]) for yes, no in _TRUTHS if {yes, no} == lower.keys()), None)


def _percent_question(name: str) -> Question:
    readings = [Reading("share", "19 % is 0.19"), Reading("number", "19 % is 19")]
    return Question(name, readings, "--percent")


def _with_percent(column: Column, wishes: Wishes) -> Column:
    if column.marks.percent is None or wishes.percent is None:
        return column
    marks = replace(column.marks, percent=wishes.percent)
    if wishes.percent == "number":
        return replace(column, marks=marks)
    return replace(column, marks=marks, kind="Float64", arguments="", why="shares written as percents")
