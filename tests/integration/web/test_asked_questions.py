"""Questions with conditions on groups, an order, a top and pages: over HTTP, and by the command."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tests.integration.web.running_session import Session

ASKED = "/api/query?measure=Quantity.SUM&by=Product&by=ID"


def cli(session: Session, *asked: str) -> tuple[int, str, str]:
    state = session.living.landing.parent / "state"
    found = CliRunner().invoke(app, ["query", "Quantity.SUM", *asked, "--state", str(state)])
    return found.exit_code, found.stdout, f"{found.stderr}{found.exception or ''}"


def test_a_question_has_an_order_a_top_others_and_pages(session: Session) -> None:
    everything = session.get(f"{ASKED}&sort=-Quantity.SUM&sort=ID").json()
    sums = [row["Quantity.SUM"] for row in everything["rows"]]
    assert sums == sorted(sums, reverse=True) and everything["count"] == len(sums) > 2
    page = session.get(f"{ASKED}&sort=-Quantity.SUM&sort=ID&limit=1&offset=1")
    assert page.json()["rows"] == everything["rows"][1:2] and page.headers["X-Total-Count"] == str(len(sums))
    assert page.json()["count"] == len(sums) and page.json()["dataset"] == "sales"
    top = session.get(f"{ASKED}&top=1&others=true&totals=true").json()["rows"]
    assert [row["is_others"] for row in top if row["total_depth"] == 2] == [False, True]
    assert sum(row["Quantity.SUM"] for row in top if row["total_depth"] == 2) == top[0]["Quantity.SUM"] == sum(sums)
    each = session.get(f"{ASKED}&top=1+per+Product").json()["rows"]
    assert len(each) == len({row["Product"] for row in everything["rows"]})
    most = session.get(f"{ASKED}&having=Quantity.SUM>={sums[0]}").json()["rows"]
    assert [row["Quantity.SUM"] for row in most] == [sum_ for sum_ in sums if sum_ == sums[0]]
    assert session.get(f"{ASKED}&where=Date>2021-05-01&where=Product~o").json()["count"] < len(sums)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("top=0", "top"), ("top=many", "top"), ("others=true", "others"), ("sort=Quantity", "sort"),
        ("sort=-Date", "sort"),
        ("having=Quantity.SUM", "having"), ("having=ID>1", "having"), ("having=x", "having"), ("having=", "having"),
        ("having=Quantity.SUM>x", "having"), ("offset=-1", "offset"), ("limit=0", "limit"), ("top=1+per+ID", "top"),
        ("where=Date~1", "where"), ("where=Product+in+(a", "where"), ("top=1&top=2", "top"), ("others=x", "others"),
        ("by=ID", "by"), (f"where=ID+in+({','.join(map(str, range(1_001)))})", "where"), ("where=ID=x", "where"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_named(session: Session, asked: str, field: str) -> None:
    answer = session.get(f"{ASKED}&{asked}")
    body = answer.json()
    assert answer.status_code == 400 and body["field"] == field and body["next"], body


def test_the_command_asks_the_same(session: Session) -> None:
    code, out, error = cli(session, "--by", "Product", "--by", "ID", "--top", "1", "--others", "--totals")
    assert code == 0 and "(others)" in out and "is_others" not in out and "1 file is refused" in error
    code, out, error = cli(session, "--by", "ID", "--sort", "-Quantity.SUM", "--limit", "1", "--format", "json")
    asked = session.get("/api/query?measure=Quantity.SUM&by=ID&sort=-Quantity.SUM").json()["rows"]
    assert json.loads(out) == asked[:1] and f"1 of {len(asked)} rows" in error
    code, out, _ = cli(session, "--by", "ID", "--having", "Quantity.SUM<0", "--where", "Date = last 7 days")
    assert code == 0
    values = ",".join(map(str, range(10_000)))
    for asked, words in (
        (["--top", "0", "--by", "ID"], "make it 1 or more"),
        (["--by", "ID", "--by", "ID"], "A name stands twice in by"),
        (["--where", "ID=x"], "ID"),
        (["--where", f"ID in ({values})"], "too long"),
    ):
        code, _, error = cli(session, *asked)
        assert code == 1 and words in error
    code, _, error = cli(session, "--by", "Product", "--by", "ID", "--top", "3", "per", "Product")
    assert code == 1 and '--top "3 per LEVEL"' in error


def test_a_question_without_a_measure_is_answered_with_those_that_there_are(session: Session) -> None:
    found = CliRunner().invoke(app, ["query", "--state", str(session.living.landing.parent / "state")])
    assert "Next: name one of Quantity.SUM" in str(found.exception)
