"""The description of the read API: what its endpoints declare, and the names that the cube's tables give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flows.model.joint_table import JointTable
from flows.model.tables import Table
from flows.web.endpoint import Endpoint, Json, json_array, json_object
from flows.web.parameter_checks import schemas
from flows.web.parameters import Parameters
from flows.web.table_names import MEASURES, AskedTable, TableNames

REFUSAL = {"$ref": "#/components/schemas/Refusal"}
_REFUSAL = json_object("error", "next")
_REFUSAL["properties"] |= {
    "field": {"type": "string", "description": "The parameter at fault"},
    "allowed": json_array({"type": "string"}),
}
_ABOUT = (
    "Reads a live cube. Nothing here writes. What is below /api is also below /api/v1: things may be added there, and "
    "nothing is taken away or changes its meaning."
)
_UNCHANGED = {"description": "The answer is still that of the ETag that If-None-Match names"}
_REFUSALS = {
    400: "A parameter is not understood; it names the field and what is allowed",
    401: "A token is needed",
    403: "Another site asks",
    413: "The request has a body",
    414: "The URL is too long",
    431: "The headers are too large",
    503: "The session is starting, or ends",
    504: "It takes too long",
}


def describe(endpoints: Iterable[Endpoint[Any]], tables: tuple[Table, ...]) -> Json:
    """The read API as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cubefeed", "version": "1", "description": _ABOUT},
        "paths": {path: {"get": _operation(each, tables)} for each in endpoints for path in each.paths},
        "components": {"schemas": {"Refusal": _REFUSAL}},
    }


def _operation(endpoint: Endpoint[Any], tables: tuple[Table, ...]) -> Json:
    answers = {
        200: _answer(endpoint),
        **{status: _response(what, REFUSAL) for status, what in _REFUSALS.items()},
        **{status: _response(what, schema) for status, (what, schema) in endpoint.others.items()},
        **({304: _UNCHANGED} if endpoint.has_etag else {}),
    }
    return {
        "summary": endpoint.summary,
        "parameters": [_parameter(endpoint.parameters, name, tables) for name in endpoint.parameters.model_fields],
        "responses": {str(status): answer for status, answer in answers.items()},
    }


def _answer(endpoint: Endpoint[Any]) -> Json:
    """The answer, in each of its forms."""
    found = _response("The answer", endpoint.schema, endpoint.media_type)
    found["content"] |= {name: {"schema": {"type": "string", "format": "binary"}} for name in endpoint.files}
    return found


def _response(description: str, schema: Mapping[str, Any], media_type: str = "application/json") -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _parameter(kind: type[Parameters], name: str, tables: tuple[Table, ...]) -> Json:
    declared, schema = kind.model_fields[name], dict(schemas(kind)[name])
    if name == "dataset":
        schema["enum"] = [table.name for table in tables]
    for names in declared.metadata:
        if isinstance(names, TableNames):
            asked: list[AskedTable] = [*tables]
            asked += [JointTable(tables)] if names is MEASURES and len(tables) > 1 else []
            schema["items"] = {"type": "string", "enum": sorted({each for table in asked for each in names.of(table)})}
    several = {"style": "form", "explode": True} if schema["type"] == "array" else {}
    required = declared.is_required() or (bool(declared.validate_default) and len(tables) > 1)
    return {
        "name": name, "in": "query", "required": required, "description": declared.description,
        **several, "schema": schema,
    }  # fmt: skip
