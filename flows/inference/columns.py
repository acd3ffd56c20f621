"""The type of each column, and how its values are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from flows.inference.evidence import Question, Reading, Wishes, share
from flows.inference.numbers import NumberReading, NumberStyle, may_be_numbers, read_numbers, used_numbers
from flows.inference.times import TimeForms, find_time_forms, order_of, read_times
from flows.model.numbers import PLAIN_NUMBERS

NULLS = frozenset((
    "NULL", "null", "Null", "NA", "N/A", "n/a", "#N/A", "#NV", "NaN", "nan", "None", "none", "nil", "-", "--", "—", "–",
    "?", ".", "..", "k.A.", "k. A.", "n.a.", "(null)", "\\N", "(leer)", "(blank)",
))  # fmt: skip
"""Texts that mean "no value" where all others of their column are numbers or times."""
_TRUTHS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("ja", "nein"), ("j", "n"), ("oui", "non"), ("si", "no"),
    ("sí", "no"), ("wahr", "falsch"), ("vrai", "faux"), ("t", "f"),
)  # fmt: skip
_CODE = re.compile(
    r"(?:^|[\W_]|(?<=[a-zäöü]))(id|nr|no|number|nummer|code|plz|zip|postcode|phone|tel|account|konto|ean|gtin|sku|key)"
    r"\.?$",
    re.IGNORECASE,
)
"""Names of numbers that nobody adds up."""
_INT64 = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_FIXED = r"^-?\d{1,16}(?:\.\d*)?$"
_MONEY_DIGITS, _MONEY_PLACES = 18, 2
"""Numbers of two decimals are kept exactly."""


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
        uncertain: why it may be otherwise.
        is_code: whether it is text although all its values are whole numbers.
    """

    text: str
    kind: str
    nullable: bool
    values: int
    rows: int
    why: str
    arguments: str = ""
    uncertain: str = ""
    is_code: bool = False

    @property
    def evidence(self) -> str:
        """From how many values its type was understood."""
        return f"{share(self.values, self.rows)} values" if self.values else "no values"


@dataclass(frozen=True)
class Columns:
    """What was understood of all columns.

    Args:
        columns: in the order of the headers.
        style: how numbers are written.
        day_forms: those of their days, in order.
        moment_forms: those of their moments.
        nulls: texts that mean "no value".
        truths: words that mean true, and words that mean false.
        questions: what the samples do not decide.
    """

    columns: tuple[Column, ...]
    style: NumberStyle = field(default_factory=lambda: NumberStyle(".", PLAIN_NUMBERS))
    day_forms: tuple[str, ...] = ()
    moment_forms: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ("",)
    truths: tuple[tuple[str, ...], tuple[str, ...]] = (("true",), ("false",))
    questions: tuple[Question, ...] = ()


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
    rest = {name: each for name, each in texts.items() if name not in truths and len(each.values)}
    times = {name: found for name, each in rest.items() if (found := find_time_forms(each.values, wishes.dates))}
    candidates = {name: each.values for name, each in rest.items() if name not in times and _may_be_number(each.values)}
    readings = read_numbers(candidates, wishes.decimal) if candidates else []
    days, day_questions = _choose_forms({n: f for n, f in times.items() if f.is_day}, texts, wishes)
    moments, moment_questions = _choose_forms({n: f for n, f in times.items() if not f.is_day}, texts, wishes)
    chosen = readings[0] if readings else NumberReading(NumberStyle(".", PLAIN_NUMBERS), {})
    columns, height = [], frame.height
    for name, each in texts.items():
        columns.append(_column(name, each, height, chosen, {**days, **moments}, truths))
    typed = [texts[each.text] for each in columns if each.kind != "String"]
    numeric = [texts[each.text].values for each in columns if each.text in chosen.plain and each.kind != "String"]
    return Columns(
        columns=tuple(columns),
        style=replace(chosen.style, numbers=used_numbers(chosen.style, numeric)),
        day_forms=tuple(dict.fromkeys(days.values())),
        moment_forms=tuple(dict.fromkeys(moments.values())),
        nulls=tuple(dict.fromkeys(("", *(token for each in typed for token in each.tokens)))),
        truths=_words(truths),
        questions=(*day_questions, *moment_questions, *_number_questions(readings, candidates)),
    )


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
    name: str,
    texts: _Texts,
    rows: int,
    numbers: NumberReading,
    times: Mapping[str, str],
    truths: Mapping[str, tuple[str, str]],
) -> Column:
    found = Column(name, "String", texts.absent > 0, rows - texts.absent, rows, "text")
    if not len(texts.values):
        return replace(found, why="no file has a value", uncertain="it may be of any type")
    if name in truths:
        return replace(found, kind="Bool", why=" and ".join(truths[name]))
    if name in times:
        form = times[name]
        kind = "Datetime" if "%H" in form or "%I" in form else "Date"
        return replace(found, kind=kind, why=f"all written as {form}")
    if name in numbers.plain:
        return _number(found, numbers.plain[name])
    zero = texts.values.str.contains(r"^0\d+$").any() and may_be_numbers(texts.values)
    return replace(found, why="digits that begin with a zero, which a number would lose") if zero else found


def _number(column: Column, plain: pl.Series) -> Column:
    whole = plain.str.contains(f"^(?:{_INT64.pattern})$").all()
    if whole and _CODE.search(column.text):
        why = "digits of a code that nobody adds up"
        return replace(column, why=why, uncertain="dy.Int64() adds it up", is_code=True)
    if whole:
        return replace(column, kind="Int64", why="whole numbers")
    places = plain.str.extract(r"\.(\d+)$").str.len_bytes().fill_null(0).max()
    if places == _MONEY_PLACES and plain.str.contains(_FIXED).all():
        why = f"numbers with at most {_MONEY_PLACES} decimals"
        return replace(column, kind="Decimal", arguments=f"{_MONEY_DIGITS}, {_MONEY_PLACES}", why=why)
    return replace(column, kind="Float64", why="numbers with decimals")


def _choose_forms(
    found: Mapping[str, TimeForms], texts: Mapping[str, _Texts], wishes: Wishes
) -> tuple[dict[str, str], list[Question]]:
    """A form for each column of days, or of moments, and what is open. Columns of one file are written in one way: what
    one of them decides is decided for those that can be read so too."""
    decided = [found[name].forms[0] for name in found if len(found[name].forms) == 1]
    chosen, questions = dict[str, str](), list[Question]()
    for name, forms in found.items():
        fitting = [form for form in forms.forms if form in decided]
        chosen[name] = (fitting or list(forms.forms))[0]
        if len(forms.forms) > 1 and len(fitting) != 1:
            questions.append(_time_question(name, forms, texts[name].values))
    return chosen, questions


def _time_question(name: str, forms: TimeForms, texts: pl.Series) -> Question:
    readings = []
    for form in forms.forms:
        value = read_times(texts.head(1), form, is_day=forms.is_day)[0]
        readings.append(Reading(order_of(form) or form, f"{texts[0]} is {value} ({form})"))
    return Question(name, readings, "--dates")


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


def _words(truths: Mapping[str, tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not truths:
        return ("true",), ("false",)
    true, false = zip(*truths.values(), strict=True)
    return tuple(dict.fromkeys(true)), tuple(dict.fromkeys(false))
