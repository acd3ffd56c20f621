"""The description of the read API, made from the cube's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.model.tables import Table
from flows.web.parameters import FILES, MAX_FILES, MAX_NAMES, MAX_ROWS, STATES

type Json = dict[str, Any]


def describe(model: tuple[Table, ...]) -> Json:
    """The read API as OpenAPI 3.1."""
    datasets = _text("The dataset", required=len(model) > 1, name="dataset", enum=[table.name for table in model])
    measures = sorted({measure.name for table in model for measure in table.measures})
    levels = sorted({level.name for table in model for level in table.levels})
    query = [
        datasets,
        _several("measure", "What to compute", {"type": "string", "enum": measures}, required=True, unique=True),
        _several("by", "Levels to group by", {"type": "string", "enum": levels}, unique=True),
        _several("where", "LEVEL=VALUE; the values of one level are alternatives", {"type": "string", "minLength": 2}),
        _text("Also a row per leading part of the levels", name="totals", enum=["true", "1", "", "false", "0"]),
        _number("limit", "Rows that the answer may have; more are refused", MAX_ROWS, MAX_ROWS),
    ]
    files = [
        {**datasets, "required": False},
        _several("state", "Only versions in one of these states", {"type": "string", "enum": list(STATES)}),
        _number("limit", "How many at most", FILES, MAX_FILES),
    ]
    version = {
        **_number("version", "The version's id, from /api/files", None, 2**63 - 1), "required": True
    }  # fmt: skip
    findings = [{**datasets, "required": True}, version]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cubefeed", "version": "1", "description": "Reads a live cube. Nothing here writes."},
        "paths": {
            "/api/query": _get("Ask the cube", query, _ANSWER),
            "/api/status": _get("How everything stands", [], _object("engine", datasets={"type": "object"})),
            "/api/files": _get("File versions, the newest first", files, _array(_object("dataset", "file", "state"))),
            "/api/findings": _get(
                "What was found in a version", findings, _object("file", findings=_array({"type": "object"})), none=True
            ),
            "/health": _get("Whether all is well", [], _HEALTH, ill=_HEALTH),
            "/metrics": _get("Figures for Prometheus", [], {"type": "string"}, media="text/plain"),
            "/openapi.json": _get("This description", [], _object("openapi")),
        },
        "components": {"schemas": {"Refusal": _REFUSAL}},
    }


def _object(*texts: str, **others: Json) -> Json:
    properties = {name: {"type": "string"} for name in texts} | others
    return {"type": "object", "required": list(properties), "properties": properties}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


_ANSWER = _object("dataset", rows=_array({"type": "object"}))
_ANSWER["properties"] |= {
    "errors": {
        **_array(_object("measure", "error", "next")),
        "description": "Measures of which a sum does not fit into 64 bits; it is null in the rows",
    }
}
_HEALTH = _object(healthy={"type": "boolean"}, complaints=_array({"type": "string"}))
_REFUSAL = _object("error", "next")
_REFUSAL["properties"] |= {
    "field": {"type": "string", "description": "The parameter at fault"},
    "allowed": _array({"type": "string"}),
}


def _get(
    summary: str,
    parameters: list[Json],
    answer: Mapping[str, Any],
    *,
    none: bool = False,
    ill: Json | None = None,
    media: str = "application/json",
) -> Json:
    refusal = {"$ref": "#/components/schemas/Refusal"}
    responses: Json = {
        "200": _response("The answer", answer, media),
        "400": _response("A parameter is not understood; it names the field and what is allowed", refusal),
        "401": _response("A token is needed", refusal),
        "403": _response("Another site asks", refusal),
        "413": _response("The request has a body", refusal),
        "414": _response("The URL is too long", refusal),
        "431": _response("The headers are too large", refusal),
        "503": _response("Not all is well" if ill else "The session is starting, or ends", ill or refusal),
        "504": _response("It takes too long", refusal),
    }
    if none:
        responses["404"] = _response("There is none", refusal)
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _response(description: str, schema: Mapping[str, Any], media: str = "application/json") -> Json:
    return {"description": description, "content": {media: {"schema": schema}}}


def _text(description: str, *, name: str, enum: list[str], required: bool = False) -> Json:
    schema = {"type": "string", "enum": enum}
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _several(name: str, description: str, items: Json, *, required: bool = False, unique: bool = False) -> Json:
    schema: Json = {"type": "array", "items": items, "maxItems": MAX_NAMES, "uniqueItems": unique}
    if required:
        schema["minItems"] = 1
    return {
        "name": name, "in": "query", "required": required, "description": description,
        "style": "form", "explode": True, "schema": schema,
    }  # fmt: skip


def _number(name: str, description: str, default: int | None, most: int) -> Json:
    schema: Json = {"type": "integer", "minimum": 1, "maximum": most}
    if default is not None:
        schema["default"] = default
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
