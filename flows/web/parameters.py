"""What the URL parameters of the read API may be: declared once, as Pydantic models.

A model checks what a request gives, and its JSON schema is what the API's description says (`parameter_checks.py`), so
that neither can say anything else than the other. Pydantic was taken because it was there (Prefect is built on it, and
dataframely loads half of it anyway), knows its errors by kind and place, so that each is said in a form of our own,
and writes JSON Schema in the dialect of OpenAPI 3.1. msgspec would be new, and has only sentences for errors; apispec
describes models of other libraries; FastAPI would bring routes and answers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic.json_schema import SkipJsonSchema

from flows.errors import QueryError
from flows.model.lifecycle import State
from flows.model.tables import Table
from flows.web.forms import FILE_ROWS, JSON_ROWS, Form, accepted, most_rows
from flows.web.table_names import GROUPINGS, MEASURES, table_named

type ParameterValues = Mapping[str, list[str]]
"""Parameter → the values given."""
type Json = dict[str, Any]

COUNT_HEADER = "X-Total-Count"
"""Says how many rows an answer has in all, whatever limit and offset."""
MAX_FILES = 100_000
FILES = 1_000
RAW_ROWS = 1_000
"""Rows that are looked for in their files at once."""
MAX_OFFSET = 10**12
MAX_NAMES = 100
"""How often a parameter may be repeated."""


@dataclass(frozen=True)
class Requirement:
    """What is said where a parameter is missing."""

    what: str
    next_step: str


def _one(values: list[str], info: ValidationInfo) -> str:
    if len(values) > 1:
        name = info.field_name
        raise QueryError(f"{name} is given {len(values)} times", next_step="give it once", field=name)
    return values[0]


def _whole(values: list[str], info: ValidationInfo) -> int | str:
    """The number; Python and Pydantic would also take `+1`, `1_0` and digits of other scripts."""
    text = _one(values, info)
    return int(text) if re.fullmatch("[0-9]{1,19}", text) else text


def _dataset(values: list[str] | None, info: ValidationInfo[tuple[Table, ...]]) -> str:
    return table_named(info.context, _one(values, info) if values else None).name


# Bounds come before validators: behind one, Pydantic 2.14 no longer knows of which type they are, and describes none.
# https://pydantic.dev/docs/validation/latest/concepts/validators/#ordering-of-validators
ONE, WHOLE, DATASET = BeforeValidator(_one), BeforeValidator(_whole), BeforeValidator(_dataset)
Condition = Annotated[str, Field(min_length=2)]
Flag = Literal["true", "1", "", "false", "0"]
YES = ("true", "1", "")
WHERE = (
    "A condition on rows: LEVEL=VALUE, also with !=, <, <=, >, >=; LEVEL~TEXT (has it in it), LEVEL^TEXT (begins with "
    "it); LEVEL between A and B; LEVEL in (A, B), not in; LEVEL is null, is not null. Days may be named from today: "
    "Date = last 7 days. Names and values that would be misread stand in quotation marks. What =, in and is null say "
    "of one level are alternatives; all else has to hold"
)
Conditions = Annotated[
    tuple[Condition, ...],
    Field(description=WHERE, max_length=MAX_NAMES, examples=[["Date>=2021-05-01", "Product in (phone, mouse)"]]),
]
OnlyDataset = Annotated[str | SkipJsonSchema[None], Field(description="The dataset", validate_default=True), DATASET]
_VERSION = Requirement("A file's version is needed", "give dataset and version; see /api/files for versions")


class Parameters(BaseModel):
    """The parameters of an address; of this one, none. Those of other names are refused."""

    # Built when somebody asks first: no start waits for it.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class IgnoredParameters(Parameters):
    """Whatever is given is ignored."""

    model_config = ConfigDict(extra="ignore")


class FileParameters(Parameters):
    """In which form the rows of an answer are wanted."""

    format: Annotated[
        Literal["json", "csv", "arrow", "parquet", "xlsx"],
        Field(description="The form of the answer; where it is not given, the header Accept names it"),
        ONE,
    ] = "json"

    def chosen(self, accept: str) -> Form:
        """The form of the answer, for who accepts these media types."""
        return Form(self.format) if "format" in self.model_fields_set else accepted(accept)


class AnswerParameters(Parameters):
    """What may be asked of every answer out of the cube."""

    envelope: Annotated[
        Flag, Field(description="Also as_of and caveats, which the headers have anyway, beside the rows"), ONE
    ] = "false"

    @property
    def with_envelope(self) -> bool:
        return self.envelope in YES


class QueryParameters(FileParameters, AnswerParameters):
    """A question to the cube: to one dataset, or to several, of which each measure names its own."""

    dataset: Annotated[
        str | SkipJsonSchema[None],
        Field(description="The dataset of measures that do not name theirs"),
        DATASET,
    ] = None
    measure: Annotated[
        tuple[str, ...],
        Field(
            description="What to compute; DATASET:MEASURE where there are several datasets",
            min_length=1,
            max_length=MAX_NAMES,
        ),
        MEASURES,
        Requirement("A query needs at least one measure", "name one"),
    ]
    by: Annotated[tuple[str, ...], Field(description="Levels to group by", max_length=MAX_NAMES), GROUPINGS] = ()
    where: Conditions = ()
    having: Annotated[
        tuple[Condition, ...],
        Field(
            description="A condition on groups by a measure, written as in where: Quantity.SUM>100",
            max_length=MAX_NAMES,
            examples=[["Quantity.SUM>100"]],
        ),
    ] = ()
    sort: Annotated[
        tuple[str, ...],
        Field(
            description="A level or measure to sort by, with - before it from its greatest down; ties by the levels",
            max_length=MAX_NAMES,
            examples=[["-Quantity.SUM"]],
        ),
    ] = ()
    top: Annotated[
        str | SkipJsonSchema[None],
        Field(description="The first groups only: 10, or 3 per Country; without sort, those of the greatest measure"),
        ONE,
    ] = None
    others: Annotated[Flag, Field(description="With top, also a row for the groups that it leaves out"), ONE] = "false"
    totals: Annotated[
        Flag, Field(description="Also a row per leading part of the levels, of all rows that where keeps"), ONE
    ] = "false"
    limit: Annotated[
        int,
        Field(
            description="Rows of the answer to show; where it is not given, more than the form may have are refused: "
            f"{JSON_ROWS:,} in JSON, {FILE_ROWS:,} in others",
            strict=True,
            ge=1,
            le=FILE_ROWS,
        ),
        WHOLE,
    ] = JSON_ROWS
    offset: Annotated[
        int, Field(description="Rows of the answer to leave out before", strict=True, ge=0, le=MAX_OFFSET), WHOLE
    ] = 0

    @property
    def page(self) -> int | None:
        """How many rows are asked for; None where all are."""
        return self.limit if "limit" in self.model_fields_set else None

    @property
    def with_totals(self) -> bool:
        return self.totals in YES

    @property
    def with_others(self) -> bool:
        return self.others in YES


class TableParameters(Parameters):
    """A whole table. Where there is one dataset, it is that one."""

    dataset: OnlyDataset = None
    format: Annotated[
        Literal["arrow", "csv", "parquet"],
        Field(description="The form of the answer, which is made while it is sent"),
        ONE,
    ] = "arrow"


class RawParameters(Parameters):
    """What may be asked of lines of files."""

    raw: Annotated[Flag, Field(description="Also what stands in the file at each line"), ONE] = "false"

    @property
    def with_raw(self) -> bool:
        return self.raw in YES


class RowsParameters(RawParameters, FileParameters, AnswerParameters):
    """The rows behind a number. Where there is one dataset, it is of that one."""

    dataset: OnlyDataset = None
    where: Conditions = ()
    limit: Annotated[
        int,
        Field(
            description=f"Rows of the page, at most; with raw, 1,000; in JSON, {JSON_ROWS:,}. Where it is not given, a "
            "file of another form has all rows",
            strict=True,
            ge=1,
            le=FILE_ROWS,
        ),
        WHOLE,
    ] = RAW_ROWS
    offset: Annotated[
        int, Field(description="Rows that come before the page", strict=True, ge=0, le=MAX_OFFSET), WHOLE
    ] = 0

    @property
    def asks_for_all(self) -> bool:
        """Whether no page is asked for."""
        return "limit" not in self.model_fields_set

    def most(self, form: Form) -> int:
        """How many rows are asked for, at most."""
        return most_rows(form) if self.asks_for_all and form is not Form.json else self.limit


class FilesParameters(Parameters):
    """Which file versions to list; without a dataset, those of all."""

    dataset: Annotated[str | SkipJsonSchema[None], Field(description="The dataset"), DATASET] = None
    state: Annotated[
        tuple[State, ...], Field(description="Only versions in one of these states", max_length=MAX_NAMES)
    ] = ()
    limit: Annotated[int, Field(description="How many at most", strict=True, ge=1, le=MAX_FILES), WHOLE] = FILES


class FindingsParameters(RawParameters):
    """A file version."""

    dataset: Annotated[str, Field(description="The dataset"), DATASET, _VERSION]
    version: Annotated[
        int, Field(description="The version's id, from /api/files", strict=True, ge=1, le=2**63 - 1), WHOLE, _VERSION
    ]
