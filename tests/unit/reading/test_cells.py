"""Cells as people write them: numbers with marks, dates in several forms, and what is said of refused ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dataframely as dy
import pytest

from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.model.findings import Verdict
from flows.model.formats import Cells, Csv
from flows.model.numbers import Numbers
from flows.model.policies import SkipRows
from flows.model.tables import FILE, LINE
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.validate import validate


class Price(dy.Schema):
    Price = dy.Float64(nullable=True)


class Count(dy.Schema):
    Count = dy.Int64(nullable=True)


class Day(dy.Schema):
    Day = dy.Date(nullable=True)


class Money(dy.Schema):
    Money = dy.Decimal(10, 3, nullable=True)


class Zoned(dy.Schema):
    At = dy.Datetime(time_zone="Europe/Berlin")


class At(dy.Schema):
    At = dy.Datetime(nullable=True)


class Code(dy.Schema):
    Code = dy.String()


class Flag(dy.Schema):
    Flag = dy.Bool()


class Sale(dy.Schema):
    Price = dy.Float64()
    Rate = dy.Float64()
    Ordered = dy.Date()
    Paid = dy.Date(nullable=True)


def check(schema: type[dy.Schema], *cells: str, **options: Any) -> tuple[list[object], Verdict]:
    """The values of a file of one column, and what is said of it."""
    (name,) = schema.columns()
    rows, verdict = check_rows(schema, "\n".join((name, *cells)) + "\n", **({"delimiter": "|"} | options))
    return [row[0] for row in rows], verdict


def check_rows(schema: type[dy.Schema], body: str, **options: Any) -> tuple[list[tuple[Any, ...]], Verdict]:
    dataset = Dataset(schema=schema, landing="landing", format=Csv(**options), bad_rows=SkipRows(1.0))
    checked = validate(dataset, parse(dataset, [Source("f.csv", body.encode())]))
    return checked.rows.drop(FILE, LINE).rows(), checked.verdicts[0]


def values(schema: type[dy.Schema], *cells: str, **options: Any) -> list[object]:
    found, verdict = check(schema, *cells, **options)
    assert not verdict.findings
    return found


def expected(schema: type[dy.Schema], cell: str, **options: Any) -> str:
    """What a finding says of a cell, which is refused."""
    found, verdict = check(schema, cell, **options)
    (finding,) = verdict.findings
    assert not found and (finding.line, finding.raw) == (2, cell)
    return str(finding.expected)


def tolerated(schema: type[dy.Schema], *cells: str, **options: Any) -> list[str]:
    return [each.words for each in check(schema, *cells, **options)[1].tolerated]


# Numbers


def test_prices_are_read_with_their_marks_and_each_kind_is_counted_with_its_first_cell() -> None:
    cells = ("1.234,56", "7", "-1.234,50 €", "(0,5)", "2.000 €")
    options = {"decimal": ",", "numbers": Numbers(thousands=".", currency=("€",), brackets=True)}
    assert values(Price, *cells, **options) == [1234.56, 7.0, -1234.5, -0.5, 2000.0]
    assert tolerated(Price, *cells, **options) == [
        "3 cells with thousands separators, the first on line 2 in Price: '1.234,56'",
        "2 cells with a currency, the first on line 4 in Price: '-1.234,50 €'",
        "1 cell with brackets for a minus, the first on line 5 in Price: '(0,5)'",
    ]


def test_whole_numbers_may_have_marks_too() -> None:
    assert values(Count, "1'234", "12-", "0", numbers=Numbers(thousands="'", trailing_minus=True)) == [1234, -12, 0]
    assert "Int64 in plain digits" in expected(Count, "1'234.0", numbers=Numbers(thousands="'"))


def test_groups_that_are_not_of_three_are_findings() -> None:
    assert "a finite number" in expected(Price, "1.23,4", decimal=",", numbers=Numbers(thousands="."))


def test_a_percent_sign_is_what_the_declaration_says_it_is() -> None:
    assert values(Price, "12.5 %", "0.1%", numbers=Numbers(percent="share")) == [0.125, 0.001]
    assert values(Price, "12.5 %", "0.1%", numbers=Numbers(percent="number")) == [12.5, 0.1]
    assert "percent='share') (12 % is 0.12; with 'number' it is 12)) takes it" in expected(Price, "12.5 %")


def test_columns_may_be_written_in_other_ways_than_the_rest() -> None:
    rows, verdict = check_rows(
        Sale,
        "Price;Rate;Ordered;Paid\n1.234,5;19 %;12/31/2024;-\n2;7,5 %;01/02/2024;31.01.2024\n",
        delimiter=";",
        decimal=",",
        numbers=Numbers(thousands="."),
        date_format="%d.%m.%Y",
        columns={
            "Rate": Cells(numbers=Numbers(percent="share")),
            "Ordered": Cells(date_format="%m/%d/%Y"),
            "Paid": Cells(nulls=("-",)),
        },
    )
    assert not verdict.findings
    assert rows == [
        (1234.5, 0.19, date(2024, 12, 31), None),
        (2.0, 0.075, date(2024, 1, 2), date(2024, 1, 31)),
    ]


def test_true_and_false_and_decimals_may_differ_per_column() -> None:
    assert values(Flag, "yes", "no", columns={"Flag": Cells(true=("yes",), false=("no",))}) == [True, False]
    assert values(Price, "1,5", columns={"Price": Cells(decimal=",")}) == [1.5]


def test_leading_zeros_of_text_stay() -> None:
    assert values(Code, "007", "0", "1.234,5", numbers=Numbers(thousands=",")) == ["007", "0", "1.234,5"]


def test_numbers_without_a_digit_before_the_decimal_sign_are_floats() -> None:
    assert values(Price, ".5", "-.5", "5.") == values(Price, ".5", "-.5", "5.", numbers=Numbers(plus=True))


@pytest.mark.parametrize(
    ("cell", "option"),
    [
        ("1,234.56", "Csv(numbers=Numbers(thousands=','))"),
        ("1.234,56", "Csv(decimal=',', numbers=Numbers(thousands='.'))"),
        ("1 234.56", "Csv(numbers=Numbers(thousands=' '))"),
        ("12.50 €", "Csv(numbers=Numbers(currency=('€',)))"),
        ("(12)", "Csv(numbers=Numbers(brackets=True))"),
        ("12-", "Csv(numbers=Numbers(trailing_minus=True))"),
        ("+12", "Csv(numbers=Numbers(plus=True))"),
        ("N/A", "Csv(nulls=('', 'N/A'))"),
        (" 5", "Csv(padding=True)"),
    ],
)
def test_a_refused_number_names_the_option_that_takes_it(cell: str, option: str) -> None:
    assert expected(Price, cell).endswith(f"; {option} takes it")


def test_both_readings_are_named_where_two_options_would_read_a_number_differently() -> None:
    words = expected(Price, "1,234")
    assert "taken by Csv(decimal=',') as 1.234 or by Csv(numbers=Numbers(thousands=',')) as 1234.0" in words


def test_an_option_for_a_column_that_has_some_of_its_own_is_named_there() -> None:
    option = "Csv(columns={'Price': Cells(numbers=Numbers(plus=True))}) takes it"
    assert expected(Price, "+1", columns={"Price": Cells(nulls=("-",))}).endswith(option)


def test_a_sign_that_looks_like_a_minus_is_named() -> None:
    words = expected(Price, "\u22125")
    assert "it has U+2212 MINUS SIGN" in words and "Numbers(minus=('−',))) takes it" in words
    assert values(Price, "\u22125", numbers=Numbers(minus=("\u2212",))) == [-5.0]
    assert "U+00A0 NO-BREAK SPACE" in expected(Count, "1\u00a0000")


def test_decimals_have_the_same_marks_and_lose_no_digit() -> None:
    options = {"decimal": ",", "numbers": Numbers(thousands=".", percent="share", brackets=True)}
    cells = ("1.234,567", "(12,5 %)", "0,1 %", "7")
    assert values(Money, *cells, **options) == [Decimal("1234.567"), Decimal("-0.125"), Decimal("0.001"), Decimal(7)]
    assert "a number such as 1,5" in expected(Money, "0,01 %", **options)
    assert tolerated(Money, *cells, **options)[0].startswith("1 cell with thousands separators")


# Days and moments


def test_names_of_months_may_have_any_case() -> None:
    assert values(Day, "12-AUG-24", "12-aug-24", date_format="%d-%b-%y") == [date(2024, 8, 12)] * 2
    assert values(Day, "12 AUGUST 2024", date_format="%d %B %Y") == [date(2024, 8, 12)]


def test_years_of_two_digits_are_those_of_python_or_of_the_declared_hundred() -> None:
    both = ("01.01.69", "01.01.68", "29.02.00")
    assert values(Day, *both, date_format="%d.%m.%y") == [date(1969, 1, 1), date(2068, 1, 1), date(2000, 2, 29)]
    assert [datetime.strptime(each, "%d.%m.%y").year for each in both] == [1969, 2068, 2000]  # noqa: DTZ007 - a day
    assert values(Day, *both[:2], date_format="%d.%m.%y", first_year=1930) == [date(1969, 1, 1), date(1968, 1, 1)]
    assert values(At, "01.01.69", datetime_format="%d.%m.%y", first_year=1970) == [datetime(2069, 1, 1)]  # noqa: DTZ001
    assert expected(Day, "29.02.00", date_format="%d.%m.%y", first_year=1900)[:6] == "a date"


def test_a_month_without_a_day_is_its_first() -> None:
    assert values(Day, "2024-01", date_format="%Y-%m") == [date(2024, 1, 1)]
    assert "Csv(date_format=('%Y-%m-%d', '%Y-%m')) takes it" in expected(Day, "2024-01")


def test_a_time_of_a_date_is_left_out_where_it_is_midnight() -> None:
    form = "%d.%m.%Y %H:%M"
    assert values(Day, "31.01.2024 00:00", date_format=form) == [date(2024, 1, 31)]
    written = f"a date of the calendar, at midnight, written as {form}"
    assert expected(Day, "31.01.2024 00:01", date_format=form) == written


def test_fractions_of_a_second_may_have_any_digits_that_the_column_holds() -> None:
    cells = ("2024-01-31 10:00:00.5", "2024-01-31 10:00:00.1230000", "2024-01-31 10:00:00")
    moment = datetime(2024, 1, 31, 10)  # noqa: DTZ001 - the dataset's times have no zone
    read = [moment.replace(microsecond=500_000), moment.replace(microsecond=123_000), moment]
    assert values(At, *cells, datetime_format="%Y-%m-%d %H:%M:%S%.f") == read
    words = expected(At, "2024-01-31 10:00:00.1234567", datetime_format="%Y-%m-%d %H:%M:%S%.f")
    assert "without loss beyond the microsecond" in words
    assert "'%Y-%m-%d %H:%M:%S%.f')) takes it" in expected(At, cells[0])


def test_an_offset_in_a_column_without_a_zone_says_which_column_takes_it() -> None:
    for cell in ("2024-01-31T10:00:00+01:00", "2024-01-31 10:00:00Z"):
        assert "Datetime(time_zone=…) takes its offset, with %z" in expected(At, cell)
    assert "time_zone" not in expected(At, "2024-01-31T10:00:00")


def test_dates_may_have_several_forms_and_those_of_the_later_ones_are_counted() -> None:
    forms = ("%d.%m.%Y", "%Y-%m-%d")
    cells = ("31.01.2024", "2024-02-01", "2024-02-02")
    assert values(Day, *cells, date_format=forms) == [date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2)]
    assert tolerated(Day, *cells, date_format=forms) == [
        "2 cells with the form %Y-%m-%d, the first on line 3 in Day: '2024-02-01'"
    ]


def test_a_date_that_two_forms_read_differently_is_a_finding() -> None:
    forms = ("%d/%m/%Y", "%m/%d/%Y")
    assert values(Day, "31/01/2024", "01/31/2024", "04/04/2024", date_format=forms) == [
        date(2024, 1, 31),
        date(2024, 1, 31),
        date(2024, 4, 4),
    ]
    words = expected(Day, "03/04/2024", date_format=forms)
    assert "%d/%m/%Y reads 2024-04-03 and %m/%d/%Y reads 2024-03-04" in words
    moments = tuple(f"{form} %H:%M" for form in forms)
    assert "never chosen" in expected(At, "03/04/2024 10:00", datetime_format=moments)


def test_moments_of_a_zone_may_have_several_forms_with_and_without_an_offset() -> None:
    forms = ("%Y-%m-%dT%H:%M:%S%.f%z", "%d.%m.%Y %H:%M")
    cells = ("2024-01-31T10:00:00.5+02:00", "31.01.2024 10:00")
    at = datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert values(Zoned, *cells, datetime_format=forms) == [at.replace(microsecond=500_000), at.replace(hour=9)]
    assert tolerated(Zoned, *cells, datetime_format=forms) == [
        "1 cell with the form %d.%m.%Y %H:%M, the first on line 3 in At: '31.01.2024 10:00'"
    ]
    assert "'%Y-%m-%dT%H:%M:%S%z')) takes it" in expected(Zoned, "2024-01-31T10:00:00Z")


@pytest.mark.parametrize(
    ("cell", "option"),
    [
        ("31.01.2024", "'%d.%m.%Y'"),
        ("31/01/2024", "'%d/%m/%Y'"),
        ("01/31/2024", "'%m/%d/%Y'"),
        ("31-JAN-2024", "'%d-%b-%Y'"),
        ("2024-01-31 00:00:00", "'%Y-%m-%d %H:%M:%S'"),
    ],
)
def test_a_refused_date_names_the_form_that_takes_it(cell: str, option: str) -> None:
    assert expected(Day, cell).endswith(f"; Csv(date_format=('%Y-%m-%d', {option})) takes it")


def test_both_readings_are_named_where_two_forms_would_read_a_date_differently() -> None:
    words = expected(Day, "03/04/2024")
    assert "'%d/%m/%Y')) as 2024-04-03 or by Csv(date_format=('%Y-%m-%d', '%m/%d/%Y')) as 2024-03-04" in words


def test_a_refused_truth_names_the_words_that_take_it() -> None:
    assert "true=('true', 'yes'), false=('false', 'no')) takes it" in expected(Flag, "yes")


# Declarations


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("format.numbers", {"numbers": {"thousands": "."}}),
        ("format.numbers.thousands", {"numbers": Numbers(thousands=".")}),
        ("format.date_format", {"date_format": ()}),
        ("format.date_format", {"date_format": ("%Y-%m-%d", "%Y-%m-%d")}),
        ("format.date_format", {"date_format": "%Y"}),
        ("format.first_year", {"first_year": 69}),
        ("format.nulls", {"nulls": "NA"}),
        ("format.columns.Price", {"columns": {"Price": "."}}),
        ("format.decimal", {"columns": {"Price": Cells(decimal=";")}}),
    ],
)
def test_declarations_that_cannot_work_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=name):
        Csv(**options)


def test_columns_that_no_file_has_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"format\.columns"):
        Dataset(schema=Price, landing="landing", format=Csv(columns={"Prise": Cells(nulls=("-",))}))


def test_each_option_of_cells_is_in_the_fingerprint_and_no_default_is() -> None:
    plain = Csv().fingerprint
    assert all(word not in plain for word in ("numbers", "first_year", "columns", "time_forms"))
    others = (
        Csv(numbers=Numbers(plus=True)),
        Csv(first_year=1950),
        Csv(columns={"A": Cells(decimal=",")}),
        Csv(date_format=("%Y-%m-%d", "%d.%m.%Y")),
    )
    assert len({plain, *(each.fingerprint for each in others)}) == 5
    two = {"A": Cells(decimal=","), "B": Cells(nulls=("-",))}
    assert Csv(columns=two).fingerprint == Csv(columns=dict(reversed(two.items()))).fingerprint


def test_forms_that_are_read_otherwise_than_before_have_another_fingerprint() -> None:
    assert "time_forms=2" in Csv(date_format="%d.%m.%y").fingerprint
    assert "time_forms" not in Csv(date_format="%d.%m.%Y", datetime_format="%d.%m.%Y %H:%M:%S.%f").fingerprint
