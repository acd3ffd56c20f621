"""Answers as frames: of pandas, of polars, or a table of Arrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from flows.model.number_formats import NumberFormat

To = Literal["pandas", "polars", "arrow"]
METADATA = b"cubefeed"
SHOWN_ROWS = 60


class AnswerFrame(pd.DataFrame):
    """A DataFrame that a notebook shows with the formats of its measures, and with what is known to be wrong below.

    What is made of it is a plain DataFrame; `attrs` go along: `as_of`, `caveats`, `formats`, in JSON types.
    """

    def _repr_html_(self) -> str:
        formats = {name: NumberFormat.parse(text) for name, text in self.attrs.get("formats", {}).items()}
        written = {name: _writer(form) for name, form in formats.items() if name in self.columns}
        table = self.to_html(max_rows=SHOWN_ROWS, formatters=written, notebook=True)
        return f"{table}{caveats_html(self.attrs.get('caveats', ()))}"


def caveats_html(caveats: Iterable[Mapping[str, Any]]) -> str:
    """What is known to be wrong, as a list; empty where nothing is."""
    lines = [f"<li>{escape(each['dataset'])}: {escape(each['text'])} (<code>{escape(each['command'])}</code>)</li>"
             for each in caveats]  # fmt: skip
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def read_stream(body: bytes) -> pa.Table:
    """The table of an Arrow stream."""
    with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
        return stream.read_all()


def facts_of(table: pa.Table) -> dict[str, Any]:
    """What the session says of an answer: `measures`, `as_of`, `caveats`."""
    return dict(json.loads((table.schema.metadata or {}).get(METADATA, b"{}")))


def to_frame(table: pa.Table, to: To, index: Sequence[str] = ()) -> Any:
    """A table in the form that is asked for.

    Args:
        table: the answer.
        to: the form.
        index: columns that become the index of a DataFrame.
    """
    match to:
        case "arrow":
            return table
        case "polars":
            import polars as pl

            return pl.from_arrow(table)
        case "pandas":
            return _pandas(table, index)


def _pandas(table: pa.Table, index: Sequence[str]) -> AnswerFrame:
    facts = facts_of(table)
    frame = AnswerFrame(table.to_pandas(types_mapper=_pandas_type, date_as_object=False))
    if index:
        frame = AnswerFrame(frame.set_index([*index]))
    formats = {name: each["format"] for name, each in facts.get("measures", {}).items() if "format" in each}
    frame.attrs = {"as_of": facts.get("as_of"), "caveats": facts.get("caveats", []), "formats": formats}
    return frame


def _pandas_type(kind: pa.DataType) -> Any:
    """Whole numbers and truth values may be null, decimals and texts stay in Arrow; dates, moments and floats are
    NumPy's, which is what None says."""
    name = str(kind)
    if name.startswith(("int", "uint")):
        return pd.Int64Dtype()
    if name == "bool":
        return pd.BooleanDtype()
    return pd.ArrowDtype(kind) if name.startswith(("decimal", "string", "large_string")) else None


def _writer(form: NumberFormat) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        missing = value is None or value is pd.NA or value != value  # as no other number does
        return "" if missing else form.write(value)

    return write


def records(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows in JSON types as a DataFrame; what is called `…_utc` are moments."""
    frame = pd.DataFrame.from_records([*rows])
    for name in frame.columns:
        if str(name).endswith("_utc"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame
