"""Rows whose joined table is not complete, and rows that have no match in it, as a session shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from polars.exceptions import PanicException
from typer.testing import CliRunner

from flows.cli.main import app
from flows.day_report.build import complete_report
from flows.day_report.download import make_csv
from flows.day_report.markdown import make_markdown
from flows.ingest.repair import SegmentRepair
from flows.settings import Settings
from tests.integration.runtime.watched_session import Session, beside
from tests.waiting import until

DECLARATION = """
import dataframely as dy
from dataclasses import replace
from cubefeed import Dataset, Join
from flows.datasets.sales import SALES

class Products(dy.Schema):
    ID = dy.String(primary_key=True)
    Category = dy.String()
    Weight = dy.Int64()

PRODUCTS = Dataset(Products, "{root}/products", name="products")
SALES = replace(SALES, landing="{root}/sales", joins=(Join(PRODUCTS, on={{"Product": "ID"}}),))
"""
ROWS = b"ID,Date,Product,Quantity\n1,2021-05-01,phone,4\n2,2021-05-01,ghost,6\n"
BY_CATEGORY = "/api/query?dataset=sales&measure=Quantity.SUM&envelope=1&by=Product.Category"


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """Sales, and the products that they are joined to."""
    declaration = tmp_path / "shop.py"
    declaration.write_text(DECLARATION.format(root=tmp_path), encoding="utf-8")
    for name in ("sales", "products"):
        (tmp_path / name).mkdir()
    return Settings(state=tmp_path / "state", datasets=f"{declaration}:SALES,{declaration}:PRODUCTS", settle_s=0.0)


def command(shop: Settings, *arguments: str, code: int = 0) -> tuple[str, str]:
    found = CliRunner().invoke(app, [*arguments, "--state", str(shop.state)])
    assert found.exit_code == code, found.output
    return found.stdout, f"{found.stderr}{found.exception or ''}"


def said(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What an answer says of the joined table."""
    return [caveat for caveat in answer["caveats"] if caveat["dataset"] == "products"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick", "in_order")
def test_rows_show_without_a_match_until_the_joined_table_is_there_and_those_that_stay_so_are_counted(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_S", 3600.0)
    mend = SegmentRepair.repair

    def cannot(self: SegmentRepair, dataset: Any, mount: Any) -> Any:
        if dataset.name == "products":
            raise PanicException("a rule on a loaded row")
        return mend(self, dataset, mount)

    monkeypatch.setattr(SegmentRepair, "repair", cannot)

    def reference(session: Session) -> dict[str, Any]:
        found: dict[str, Any] = session.get("/api/status").json()["datasets"]["sales"]["references"]["Product"]
        return found

    def story(session: Session) -> None:
        landing = shop.state.parent
        (landing / "sales" / "a.csv").write_bytes(ROWS)
        until(lambda: session.rows("sales") == 2)
        answer = session.get(BY_CATEGORY).json()
        assert answer["rows"] == [{"Product.Category": "no Product", "Quantity.SUM": 10}]
        [caveat] = said(answer)
        assert (caveat["kind"], caveat["dataset"]) == ("incomplete", "products")
        assert "it is not complete yet" in caveat["text"] and "a rule on a loaded row" in caveat["text"]
        assert not said(session.get(BY_CATEGORY.replace(".Category", "")).json())
        _, told = command(shop, "query", "Quantity.SUM", "--by", "Product.Category", "--dataset", "sales")
        assert caveat["text"] in told
        assert not reference(session)["ready"] and "a rule on a loaded row" in reference(session)["degraded"]

        monkeypatch.setattr(SegmentRepair, "repair", mend)
        session.feed.datasets["products"].retry_at = 0.0
        (landing / "products" / "p.csv").write_bytes(b"ID,Category,Weight\nphone,mobile,3\n")
        until(lambda: session.rows("products") == 1)
        answer = session.get(f"{BY_CATEGORY}&measure=Product.Weight.SUM").json()
        assert answer["rows"] == [
            {"Product.Category": "mobile", "Quantity.SUM": 4, "Product.Weight.SUM": 3},
            {"Product.Category": "no Product", "Quantity.SUM": 6, "Product.Weight.SUM": None},
        ]
        [caveat] = said(answer)
        assert (caveat["kind"], caveat["count"], caveat["text"]) == ("unmatched", 1, "1 row has no Product in it")
        assert reference(session) == {"dataset": "products", "ready": True, "degraded": None, "unmatched": 1}
        words = "1 row has no Product"
        assert f"sales: {words} in products" in command(shop, "status")[0]
        report = complete_report(shop.state, session.ask("sales", "report", date="2021-05-01")["report"])
        assert words in make_markdown(report) and "unmatched,,Product,1" in make_csv(report)

        (landing / "products" / "q.csv").write_bytes(b"ID,Category,Weight\nghost,odd,5\n")
        until(lambda: session.rows("products") == 2)
        assert reference(session)["unmatched"] == 0 and not said(session.get(BY_CATEGORY).json())
        assert "no Product" not in command(shop, "status")[0]
        assert json.loads(command(shop, "status", "--format", "json")[0])["datasets"]["sales"]["references"]
        report = complete_report(shop.state, session.ask("sales", "report", date="2021-05-01")["report"])
        assert "no Product" not in make_markdown(report) and "unmatched" not in make_csv(report)
        session.feed.datasets["products"].degrade("its disk is full")
        [caveat] = said(session.get(BY_CATEGORY).json())
        assert "what it says of Product may be old: its disk is full" in caveat["text"]

    beside(shop, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_measures_of_several_datasets_are_asked_together(shop: Settings) -> None:
    def story(session: Session) -> None:
        landing = shop.state.parent
        (landing / "sales" / "a.csv").write_bytes(ROWS)
        (landing / "products" / "p.csv").write_bytes(b"ID,Category,Weight\nphone,mobile,3\nwatch,wearable,1\n")
        until(lambda: (session.rows("sales"), session.rows("products")) == (2, 2))

        def ask(*asked: str) -> dict[str, Any]:
            answer: dict[str, Any] = session.get(f"/api/query?{'&'.join(asked)}").json()
            return answer

        both = ("measure=sales:Quantity.SUM", "measure=products:Weight.SUM", "by=Product.Category")
        answer = ask(*both, "sort=-Weight.SUM")
        assert [tuple(row.values()) for row in answer["rows"]] == [
            ("mobile", 4, 3), ("wearable", None, 1), ("no Product", 6, None),
        ]  # fmt: skip
        assert list(answer["rows"][0]) == ["Product.Category", "sales:Quantity.SUM", "products:Weight.SUM"]
        assert answer["dataset"] == "sales, products" and answer["count"] == 3
        assert answer["measures"]["products:Weight.SUM"] == {"kind": "integer", "dataset": "products"}
        kept = ask(*both, "where=Product.Category=mobile", "having=sales:Quantity.SUM>3", "totals=true")["rows"]
        assert [row["total_depth"] for row in kept] == [0, 1] and kept[0]["products:Weight.SUM"] == 3
        assert ask("measure=Weight.SUM")["dataset"] == "products"
        assert ask("measure=sales:Quantity.SUM")["rows"] == [{"sales:Quantity.SUM": 10}]
        assert ask("dataset=sales", "measure=Quantity.SUM", "measure=products:Weight.SUM")["rows"] == [
            {"Quantity.SUM": 10, "products:Weight.SUM": 4}
        ]
        assert session.get(f"/api/query?{'&'.join(both)}&format=arrow").status_code == 200

        for asked, field, words in (
            (("measure=contributors.COUNT",), "measure", "sales:contributors.COUNT or products:contributors.COUNT"),
            ((both[0], both[1], "by=Date"), "by", "Date is a level of sales, and products has none such"),
            ((*both, "where=Date=2021-05-01"), "where", "products has none such"),
            ((*both, "having=contributors.COUNT>1"), "having", "sales:contributors.COUNT"),
            ((*both, "sort=Colour.SUM"), "sort", "sales:Quantity.SUM"),
            ((*both, "measure=Quantity.SUM"), "measure", "stands twice"),
            (("measure=sales:Wight.SUM",), "measure", "products:Weight.SUM"),
            (("measure=stock:Weight.SUM",), "measure", "Weight.SUM"),
            (("by=Product",), "dataset", "several datasets"),
        ):
            refused = session.get(f"/api/query?{'&'.join(asked)}")
            assert refused.status_code == 400 and refused.json()["field"] == field, refused.json()
            assert words in refused.text, refused.json()

        out, _ = command(shop, "query", "sales:Quantity.SUM", "products:Weight.SUM", "--by", "Product.Category")
        assert "products:Weight.SUM" in out and "wearable" in out
        _, error = command(shop, "query", "contributors.COUNT", code=1)
        assert "sales:contributors.COUNT or products:contributors.COUNT" in error

    beside(shop, story)
