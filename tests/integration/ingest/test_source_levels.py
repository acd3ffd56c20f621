"""Which file rows are of, and when it was loaded, in questions and conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.ingest.client import read
from flows.model.policies import Unload
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, live, sales

pytestmark = pytest.mark.usefixtures("quick")


def asked(made: LiveFeed, address: str, **parameters: str | list[str]) -> dict[str, Any]:
    """What the read API answers."""
    given = [
        (name, each) for name, value in parameters.items() for each in ([value] if isinstance(value, str) else value)
    ]
    owner = StateDirectory(made.landing.parent / "state").require_owner()
    answer: dict[str, Any] = read(owner, f"/api/{address}", given)
    return answer


def by_file(made: LiveFeed) -> dict[str, int]:
    """File → the sum of its rows; each row names that file too, and a rebuild would say the same."""
    found = made.quantities(by="Source.File")
    rows = [(row["source"]["file"], row["values"]["Quantity"]) for row in asked(made, "rows")["rows"]]
    assert {name: sum(each for file, each in rows if file == name) for name, _ in rows} == found
    made.feed.tables.rebuild(made.dataset_state.dataset)
    assert made.quantities(by="Source.File") == found
    return found


def test_rows_are_asked_for_by_the_file_that_counts_whatever_becomes_of_it(tmp_path: Path) -> None:
    with live(tmp_path, "polling", when_deleted=Unload()) as made:
        first = made.put("a.csv", sales(4, 6))
        made.put("b.csv", sales(7, start=3))
        made.wait_for({1: 4, 2: 6, 3: 7})
        assert by_file(made) == {"a.csv": 10, "b.csv": 7}
        made.put("c.csv", sales(5, start=2))  # in a table with a key it covers a row of another file
        made.wait_for({1: 4, 2: 5, 3: 7})
        assert by_file(made) == {"a.csv": 4, "b.csv": 7, "c.csv": 5}
        first.rename(made.landing / "z.csv")
        made.wait_for_state("z.csv", "loaded")
        assert by_file(made) == {"z.csv": 4, "b.csv": 7, "c.csv": 5}
        made.put("copy of b.csv", sales(7, start=3))
        made.wait_for_state("copy of b.csv", "loaded")
        assert by_file(made) == {"z.csv": 4, "b.csv": 7, "c.csv": 5}
        (made.landing / "b.csv").unlink()
        made.wait_for_state("b.csv", "unloaded")
        assert by_file(made) == {"z.csv": 4, "copy of b.csv": 7, "c.csv": 5}
        made.put("z.csv", sales(1, 2, 3))
        made.wait_for({1: 1, 2: 5, 3: 7})
        assert by_file(made) == {"z.csv": 1, "copy of b.csv": 7, "c.csv": 5}


def test_the_file_and_the_day_of_loading_are_levels_of_questions_over_http(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as made:
        made.put("a.csv", sales(4, 6))
        made.put("b.csv", sales(7, start=3))
        made.wait_for({1: 4, 2: 6, 3: 7})
        counted = asked(made, "query", measure=["Quantity.SUM", "Source.File.COUNT_DISTINCT"], by="Product")
        assert counted["rows"] == [{"Product": "phone", "Quantity.SUM": 17, "Source.File.COUNT_DISTINCT": 2}]
        answer = asked(made, "query", measure="Quantity.SUM", by="Source.File", where="Source.Loaded=today")
        assert answer["rows"] == [
            {"Source.File": "a.csv", "Quantity.SUM": 10},
            {"Source.File": "b.csv", "Quantity.SUM": 7},
        ]
        assert asked(made, "rows", where="Source.File=b.csv")["count"] == 1
        tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
        assert asked(made, "rows", where=f"Source.Loaded>={tomorrow}")["count"] == 0
