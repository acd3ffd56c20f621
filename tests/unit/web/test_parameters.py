"""The parameters of the read API: what the description says is what is taken, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from flows.errors import QueryError
from flows.model.tables import Column, Table
from flows.model.types import DATE, INTEGER, STRING
from flows.web.api import Api
from flows.web.endpoints import ENDPOINTS
from flows.web.openapi import describe
from flows.web.parameter_checks import parse, schemas
from flows.web.parameters import (
    FilesParameters,
    FindingsParameters,
    IgnoredParameters,
    Parameters,
    QueryParameters,
    RowsParameters,
)

SALES = Table("sales", (Column("ID", INTEGER), Column("Date", DATE), Column("Quantity", INTEGER)), keys=("ID",))
STOCK = Table("stock", (Column("Article", STRING), Column("Pieces", INTEGER)), keys=("Article",))
BOTH = (SALES, STOCK)
QUERY = {"dataset": ["sales"], "measure": ["Quantity.SUM"]}
VERSION = {"dataset": ["sales"], "version": ["1"]}
GIVEN = {
    QueryParameters: QUERY,
    RowsParameters: {"dataset": ["sales"]},
    FilesParameters: {},
    FindingsParameters: VERSION,
}
DESCRIBED = [(kind, name, schema) for kind in GIVEN for name, schema in schemas(kind).items()]


@pytest.mark.parametrize(("kind", "name", "schema"), [each for each in DESCRIBED if each[2]["type"] == "integer"])
def test_numbers_are_taken_between_the_bounds_described(kind: type[Parameters], name: str, schema: Any) -> None:
    least, most = schema["minimum"], schema["maximum"]
    for number in (least, most):
        assert getattr(parse(kind, GIVEN[kind] | {name: [str(number)]}, BOTH), name) == number
    for text in (str(least - 1), str(most + 1), "", "+1", "1_0", "1.0", " 1", "1e3", "²", "٣", "9" * 20):
        with pytest.raises(QueryError, match=f"{name} cannot be used") as refused:
            parse(kind, GIVEN[kind] | {name: [text]}, BOTH)
        assert refused.value.where == {"got": text, "field": name} and str(most) in refused.value.next_step


@pytest.mark.parametrize(("kind", "name", "schema"), [each for each in DESCRIBED if "enum" in str(each[2])])
def test_the_values_described_are_taken_and_a_refusal_names_them(
    kind: type[Parameters], name: str, schema: Any
) -> None:
    values = schema.get("enum") or schema["items"]["enum"]
    for value in values:
        parse(kind, GIVEN[kind] | {name: [value]}, BOTH)
    with pytest.raises(QueryError) as refused:
        parse(kind, GIVEN[kind] | {name: ["perhaps"]}, BOTH)
    assert refused.value.where == {"got": "perhaps", "field": name, "allowed": values}


def test_who_groups_by_a_number_is_told_what_to_ask_instead() -> None:
    with pytest.raises(QueryError, match=r"Quantity is a number: ask for Quantity\.SUM, or declare it as dy\.String"):
        parse(QueryParameters, QUERY | {"by": ["Quantity"]}, BOTH)


@pytest.mark.parametrize(("kind", "name", "schema"), DESCRIBED)
def test_a_parameter_is_given_as_often_as_described(kind: type[Parameters], name: str, schema: Any) -> None:
    value = ["loaded"] if name == "state" else GIVEN[kind].get(name, ["sales"])
    step = f"give it {schema['maxItems']} times at most" if schema["type"] == "array" else "give it once"
    with pytest.raises(QueryError) as refused:
        parse(kind, GIVEN[kind] | {name: value * (schema.get("maxItems", 1) + 1)}, BOTH)
    assert (refused.value.next_step, refused.value.where) == (step, {"field": name})


@pytest.mark.parametrize("table", BOTH)
def test_the_names_described_are_those_of_the_tables_and_each_is_refused_for_the_other(table: Table) -> None:
    operation, stable = (path["get"] for path in describe(ENDPOINTS[:1], BOTH)["paths"].values())
    assert operation == stable
    described = {each["name"]: each["schema"] for each in operation["parameters"]}
    assert described["dataset"]["enum"] == ["sales", "stock"]
    measures = [measure.name for measure in table.measures]
    assert set(measures) < set(described["measure"]["items"]["enum"])
    parse(QueryParameters, {"dataset": [table.name], "measure": measures}, BOTH)
    others = set(described["measure"]["items"]["enum"]) - set(measures)
    whole = {f"{each.name}:{measure.name}" for each in BOTH for measure in each.measures}
    assert whole < others
    parse(QueryParameters, {"measure": sorted(whole)}, BOTH)
    for measure in others - whole:
        with pytest.raises(QueryError, match="There is no measure of that name") as refused:
            parse(QueryParameters, {"dataset": [table.name], "measure": [measure]}, BOTH)
        assert refused.value.where["allowed"] == measures


@pytest.mark.parametrize(
    ("kind", "given", "tables", "field", "allowed"),
    [
        (QueryParameters, {}, BOTH, "dataset", ["sales", "stock"]),
        (QueryParameters, {}, (SALES,), "measure", [measure.name for measure in SALES.measures]),
        (QueryParameters, QUERY | {"where": ["D"]}, BOTH, "where", [f"{level.name}=…" for level in SALES.levels]),
        (QueryParameters, QUERY | {"by": ["ID", "ID"]}, BOTH, "by", None),
        (FindingsParameters, {"version": ["1"]}, (SALES,), "dataset", None),
        (FindingsParameters, {"dataset": ["sales"]}, (SALES,), "version", None),
        (FilesParameters, {"limits": ["1"]}, BOTH, "limits", ["dataset", "limit", "state"]),
        (Parameters, {"x": [""]}, BOTH, "x", []),
    ],
)
def test_what_is_missing_or_unknown_is_named_with_what_would_do(
    kind: type[Parameters], given: dict[str, list[str]], tables: tuple[Table, ...], field: str, allowed: object
) -> None:
    with pytest.raises(QueryError) as refused:
        parse(kind, given, tables)
    assert (refused.value.where["field"], refused.value.where.get("allowed")) == (field, allowed)


def test_what_is_not_given_is_as_described() -> None:
    query = parse(QueryParameters, {"measure": ["Quantity.SUM"]}, (SALES,))
    assert (query.dataset, query.by, query.where, query.with_totals) == (None, (), (), False)
    assert query.limit == schemas(QueryParameters)["limit"]["default"]
    assert parse(FilesParameters, {}, BOTH).dataset is None
    assert parse(IgnoredParameters, {"x": ["1"]}, BOTH) == IgnoredParameters()


def test_every_address_is_described() -> None:
    api = Api(None, fail=lambda *_: None)  # type: ignore[arg-type]  # nothing is asked
    api.close()
    described = describe(api.endpoints, BOTH)["paths"]
    assert [route.path for route in api.routes] == list(described)
