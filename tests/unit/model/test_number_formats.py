"""How numbers are written for people, and which formats a dataset may declare."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import dataframely as dy
import pytest

from flows.errors import DeclarationError
from flows.model.calculated import Ratio
from flows.model.dataset import Dataset
from flows.model.number_formats import NumberFormat
from flows.text.numbers import format_change, format_number


class Sales(dy.Schema):
    Day = dy.Date(primary_key=True)
    Revenue = dy.Decimal(12, 2)


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        ("€ {:,.2f}", Decimal("1234.5"), "€ 1,234.50"),
        ("€ {:,.2f}", Decimal("9" * 36 + ".99"), f"€ {','.join(['999'] * 12)}.99"),
        ("{:,.2f}", 2**63, "9,223,372,036,854,775,808.00"),
        ("{:.1%}", 0.123, "12.3 %"),
        ("{:.0%} of all", Decimal("0.005"), "0 % of all"),
        ("{:,} pcs", 1234567, "1,234,567 pcs"),
        ("{:d}", 1234567, "1234567"),
        ("{:.2f}", -0.001, "0.00"),
        ("{:.1f}", 2.0**1000, f"{2**1000}.0"),
        ("{:.2f}", float("inf"), "inf"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_its_format_with_all_its_digits(form: str, number: Any, text: str) -> None:
    assert NumberFormat.parse(form).write(number) == text


def test_reports_write_numbers_and_changes_in_the_format_of_the_measure() -> None:
    assert format_number(Decimal("1234.5"), "€ {:,.2f}") == "€ 1,234.50"
    assert [format_number(each, "{:.1f}") for each in (None, "does not fit")] == ["–", "does not fit"]
    assert format_change(Decimal("0.5"), Decimal(2), "€ {:,.2f}") == "+€ 0.50 (+25 %)"


def test_formats_are_of_measures_of_columns_and_of_calculated_ones() -> None:
    forms = {"Revenue.SUM": "€ {:,.2f}", "Mean": "{:.3f}"}
    declared = Dataset(
        Sales, "landing", measures={"Mean": Ratio("Revenue.SUM", "contributors.COUNT")}, number_formats=forms
    )
    assert declared.table.number_formats == forms


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ({"Revenue.SUMM": "{:.1f}"}, "of measures that there are; did you mean Revenue.SUM?"),
        ({"Day.MAX": "{:.1f}"}, "number_formats['Day.MAX'] of a measure of numbers; the values of Day.MAX are of kind"),
        ({"Revenue.SUM": "{}"}, "a text with one number in it"),
        ({"Revenue.SUM": "{:.1f} {:.1f}"}, "a text with one number in it"),
        ({"Revenue.SUM": "{:x}"}, "a text with one number in it"),
        ({"Revenue.SUM": "{:.99f}"}, "a text with one number in it"),
        ({"Revenue.SUM": "{0.real:.1f}"}, "a text with one number in it"),
        ({"Revenue.SUM": 2}, "a text with one number in it"),
        (["{:.1f}"], "a mapping of measures to formats"),
    ],
)  # fmt: skip
def test_a_format_that_does_not_fit_is_refused_at_the_start(formats: Any, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Dataset(Sales, "landing", number_formats=formats)
    assert words in str(refused.value)
