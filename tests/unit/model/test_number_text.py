"""Numbers as people write them."""

from __future__ import annotations

import polars as pl
import pytest

from flows.errors import DeclarationError
from flows.model.numbers import Numbers
from flows.model.types.number_text import marks, plain_numbers

SWISS = Numbers(thousands="'")
GERMAN = Numbers(thousands=".")
BLANK = Numbers(thousands=" ")
EURO = Numbers(thousands=".", currency=("€", "EUR", "Fr."), trailing_minus=True, brackets=True)


def plain(text: str, numbers: Numbers, decimal: str = ",") -> str | None:
    cell = pl.Series("n", [text]).to_frame()
    (found,) = cell.select(plain_numbers(pl.col("n"), decimal, numbers)).to_series()
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("text", "numbers", "expected"),
    [
        ("1.234,56", GERMAN, "1234.56"),
        ("-1.234.567", GERMAN, "-1234567"),
        ("1234,5", GERMAN, "1234.5"),
        ("1,5e-3", GERMAN, "1.5e-3"),
        ("1.23,4", GERMAN, None),
        ("1234.567,8", GERMAN, None),
        (".123,4", GERMAN, None),
        ("1.234.5", GERMAN, None),
        ("1.2345", GERMAN, None),
        ("0.234", GERMAN, None),
        ("01.234", GERMAN, None),
        ("-0.234", Numbers(thousands=".", percent="share"), None),
        ("007", GERMAN, "007"),
        ("1,234,5", GERMAN, None),
        ("1 234,56", BLANK, "1234.56"),
        ("1\u00a0234,56", BLANK, "1234.56"),
        ("1\u202f234\u202f567", BLANK, "1234567"),
        ("1  234", BLANK, None),
        ("1 23", BLANK, None),
        (" 1", BLANK, None),
        ("1'234,56", SWISS, "1234.56"),
        ("1\u2019234", SWISS, "1234"),
        ("12,50 €", EURO, "12.50"),
        ("EUR 12,50", EURO, "12.50"),
        ("-€12,50", EURO, "-12.50"),
        ("€-12,50", EURO, "-12.50"),
        ("-1.234,00\u00a0EUR", EURO, "-1234.00"),
        ("Fr.12,50", EURO, "12.50"),
        ("12 kr.", Numbers(currency=("kr", "kr.")), "12"),
        ("Fr,12", Numbers(currency=("Fr",)), None),
        ("kr.12", Numbers(currency=("kr", "kr.")), "12"),
        ("kr ,12", Numbers(currency=("kr", "kr.")), None),
        (",12 kr", Numbers(currency=("kr", "kr.")), ".12"),
        ("$12", EURO, None),
        ("€ 12 €", EURO, None),
        ("€", EURO, None),
        ("-12-", EURO, None),
        ("12,50-", EURO, "-12.50"),
        ("12- €", EURO, "-12"),
        ("12 €-", EURO, "-12"),
        ("(12)", EURO, "-12"),
        ("(1.234,5 €)", EURO, "-1234.5"),
        ("(€12)", EURO, "-12"),
        ("€ (12)", EURO, "-12"),
        ("(12) €", EURO, "-12"),
        ("(-12)", EURO, None),
        ("(12", EURO, None),
        ("12)", EURO, None),
        ("()", EURO, None),
        ("12-", GERMAN, None),
        ("(12)", GERMAN, None),
        ("12 %", GERMAN, None),
        ("12,5 %", Numbers(percent="number"), "12.5"),
        ("12,5 %", Numbers(percent="share"), "0.125"),
        ("-7%", Numbers(percent="share"), "-0.07"),
        ("1.234,5 %", Numbers(percent="share", thousands="."), "12.345"),
        ("0,125", Numbers(percent="share"), "0.125"),
        ("1e2 %", Numbers(percent="share"), None),
        ("%", Numbers(percent="share"), None),
        ("(12,5 %)", Numbers(percent="share", brackets=True), "-0.125"),
        ("+12", Numbers(plus=True), "12"),
        ("+12", Numbers(brackets=True), None),
        ("+-12", Numbers(plus=True), None),
        ("\u221212", Numbers(minus=("\u2212",)), "-12"),
        ("\u221212", Numbers(plus=True), None),
        ("\u0661\u0662", GERMAN, None),
        ("1,5", Numbers(), "1.5"),
        ("1.5", Numbers(), None),
    ],
)
def test_marks_count_where_they_are_declared_and_stand_as_declared(
    text: str, numbers: Numbers, expected: str | None
) -> None:
    assert plain(text, numbers) == expected


def test_a_share_keeps_every_digit() -> None:
    assert plain("12.34567890123456789012 %", Numbers(percent="share"), ".") == "0.1234567890123456789012"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,5", ["thousands separators"]),
        ("12 Fr.", ["a currency"]),
        ("(1.234 €)", ["thousands separators", "a currency", "brackets for a minus"]),
        ("12,50-", ["a minus behind"]),
        ("1e-5", []),
    ],
)
def test_the_marks_of_a_number_are_told_apart(text: str, expected: list[str]) -> None:
    cell = pl.Series("n", [text]).to_frame()
    flags = cell.select(flag.alias(name) for name, flag in marks(pl.col("n"), EURO).items())
    assert [name for name in flags.columns if flags[name].item()] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"thousands": "-"},
        {"thousands": ""},
        {"percent": True},
        {"currency": "€"},
        {"currency": ("1",)},
        {"currency": (" ",)},
        {"currency": (".",)},
        {"currency": ("€", "E")},
        {"currency": ("~",), "minus": ("~",)},
        {"thousands": "'", "minus": ("'",)},
        {"minus": ("--",)},
        {"minus": ("(",)},
    ],
)
def test_marks_that_could_be_something_else_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Numbers(**wrong)  # type: ignore[arg-type]  # an author's file is not type-checked


def test_options_are_shown_as_they_were_written() -> None:
    assert repr(Numbers(thousands=".", brackets=True)) == "Numbers(thousands='.', brackets=True)"
