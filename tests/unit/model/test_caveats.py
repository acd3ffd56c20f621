"""What is said with an answer, in JSON."""

from __future__ import annotations

from datetime import date

from flows.model.caveats import AnswerContext


def test_a_caveat_survives_json() -> None:
    facts = {"as_of": {"commit": 3, "at_utc": None, "newest_file": "a.csv"}, "caveats": []}
    assert AnswerContext.from_json(facts).as_json() == facts
    late = {"kind": "late", "dataset": "sales", "count": 1, "text": "x", "command": "y", "days": ["2021-05-01"]}
    said = AnswerContext.from_json({**facts, "caveats": [late]})
    assert said.caveats[0].days == (date.fromisoformat("2021-05-01"),) and said.as_json()["caveats"] == [late]
