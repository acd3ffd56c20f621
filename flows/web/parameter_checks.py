"""What a request gives, as the models of parameters check and describe it; errors in a form of our own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.errors import QueryError
from flows.model.condition_text import not_a_condition
from flows.model.tables import Table
from flows.web.parameters import Json, Parameters, ParameterValues, Requirement
from flows.web.table_names import LEVELS, MEASURE, MEASURES, AskedTable, TableNames, asked_table, refusal


def parse[P: Parameters](kind: type[P], given: ParameterValues, tables: tuple[Table, ...]) -> P:
    """The parameters that a request gives.

    Raises:
        QueryError: one is not as declared; its `field` and `allowed` say which, and what would be.
    """
    if kind.model_config["extra"] == "forbid":
        for name in (name for name in given if name not in kind.model_fields):
            raise refusal(name, "There is no parameter of that name", sorted(kind.model_fields))
    try:
        return kind.model_validate(given, context=tables)
    except ValidationError as error:
        raise _refusal_of(error.errors(include_url=False)[0], kind, given, tables) from None


@cache
def schemas(kind: type[Parameters]) -> Mapping[str, Json]:
    """Parameter → its JSON schema."""
    whole = kind.model_json_schema()
    references = {f"#/$defs/{name}": _bare(schema) for name, schema in whole.get("$defs", {}).items()}
    found = {name: _bare(schema) for name, schema in whole["properties"].items()}
    for schema in found.values():
        if "items" in schema:
            schema["items"] = references.get(schema["items"].get("$ref"), schema["items"])
    return found


def _bare(schema: Json) -> Json:
    """Without what is said elsewhere, or is only how a default is written in Python."""
    return {
        name: value
        for name, value in schema.items()
        if name not in ("title", "description") and (name, value) not in (("default", None), ("default", []))
    }


def _refusal_of(
    error: ErrorDetails, kind: type[Parameters], given: ParameterValues, tables: tuple[Table, ...]
) -> QueryError:
    """An error of Pydantic's in our form."""
    name, index = str(error["loc"][0]), int(error["loc"][1]) if len(error["loc"]) > 1 else 0
    schema = schemas(kind)[name]
    got = given[name][index] if name in given else None
    match error["type"]:
        case "missing":
            return _missing(name, kind, tables, given)
        case "too_long":
            most = schema["maxItems"]
            return QueryError(f"{name} is given too often", next_step=f"give it {most} times at most", field=name)
        case "enum":
            return refusal(name, f"There is no {name} of that name", schema["items"]["enum"], got=got)
        case "literal_error":
            return refusal(name, f"{name} has no such value", schema["enum"], got=got)
        case "string_too_short":
            names = MEASURES if name == "having" else LEVELS
            wrong = not_a_condition(str(got), names.of(_chosen(tables, given)))
            return QueryError(wrong.what, next_step=wrong.next_step, **wrong.where, field=name)
        case "int_type" | "greater_than_equal" | "less_than_equal":
            step = f"make it a number from {schema['minimum']} to {schema['maximum']}"
            return QueryError(f"{name} cannot be used", next_step=step, got=got, field=name)
        case _:
            return QueryError(f"{name} cannot be used", next_step="see /openapi.json", got=got, field=name)


def _missing(name: str, kind: type[Parameters], tables: tuple[Table, ...], given: ParameterValues) -> QueryError:
    marks = kind.model_fields[name].metadata
    needed = next(mark for mark in marks if isinstance(mark, Requirement))
    names = next((mark for mark in marks if isinstance(mark, TableNames)), None)
    if names is None:
        return QueryError(needed.what, next_step=needed.next_step, field=name)
    return refusal(name, needed.what, names.of(_chosen(tables, given)), next_step=needed.next_step)


def _chosen(tables: tuple[Table, ...], given: ParameterValues) -> AskedTable:
    return asked_table(tables, next(iter(given.get("dataset", ())), None), given.get(MEASURE, ()))
