"""Numbers as reports show them."""

from __future__ import annotations

import math
from decimal import Decimal

from flows.model.number_formats import NumberFormat
from flows.model.totals import Number, Value

NOTHING = "–"
"""Where there is no number."""


def format_number(number: Value, form: str | None = None) -> str:
    """`12,345` or `0.5`, or as a measure's own format has it."""
    if number is None:
        return NOTHING
    if isinstance(number, str):
        return number
    if form is not None:
        return NumberFormat.parse(form).write(number)
    if isinstance(number, Decimal):
        return f"{number:,f}"
    if isinstance(number, int) or not math.isfinite(number):
        return f"{number:,}"
    if number != 0 and abs(number) < 0.001:
        return f"{number:.4g}"
    whole, _, rest = f"{number:,.{2 if abs(number) >= 100 else 4}f}".partition(".")
    return f"{whole}.{rest.rstrip('0') or '0'}"


def format_change(number: Number | None, before: Value, form: str | None = None) -> str:
    """`+3 (+42 %)`: by how much it changed, in the format of the measure, and by what share of what it was."""
    if number is None or isinstance(before, str | None):
        return NOTHING
    sign = "" if number < 0 else "+" if number else "±"
    share = f" ({_share(float(number) / abs(float(before)))})" if before and number else ""
    return f"{sign}{format_number(number, form)}{share}".replace("-", "−")


def _share(share: float) -> str:
    return f"{100 * share:+,.{0 if abs(share) >= 0.1 else 1}f} %"


def format_utc(utc: str | None) -> str:
    """A time in UTC for people."""
    return f"{utc[:19].replace('T', ' ')} UTC" if utc else NOTHING
