"""The forms in which an answer leaves: JSON, and files for other programs."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """How the rows of an answer are written. Its value is also the ending of such a file."""

    json = "json"
    csv = "csv"
    arrow = "arrow"
    parquet = "parquet"
    xlsx = "xlsx"


MEDIA_TYPES = {
    Form.json: "application/json",
    Form.csv: "text/csv",
    Form.arrow: "application/vnd.apache.arrow.stream",
    Form.parquet: "application/vnd.apache.parquet",
    Form.xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
JSON_ROWS = 100_000
"""Rows that an answer in JSON may have: a reader of it needs a hundred bytes and more for each value."""
FILE_ROWS = 2_000_000
"""Rows that one in another form may have: more than a sheet holds, and what one state of the cube sorts in seconds."""


def most_rows(form: Form) -> int:
    """How many rows an answer of this form may have."""
    return JSON_ROWS if form is Form.json else FILE_ROWS


def accepted(header: str) -> Form:
    """The form that a header `Accept` asks for; JSON where it names none of them."""
    weights = [_weighed(part) for part in header.split(",")]
    known = {media_type: form for form, media_type in MEDIA_TYPES.items()}
    named = sorted(((name, weight) for name, weight in weights if name in known), key=lambda each: -each[1])
    return known[named[0][0]] if named and named[0][1] > 0 else Form.json


def _weighed(part: str) -> tuple[str, float]:
    """A media type and the weight that is given to it; 0 where that is no number."""
    name, *parameters = (each.strip().lower() for each in part.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    return name, float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
