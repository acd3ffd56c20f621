"""Values that paths give have the types of their columns, as cells have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cube_rows import all_rows
from tests.integration.live_feed import ask, live

pytestmark = pytest.mark.usefixtures("quick")

COLUMNS = (
    "Day = dy.Date(); Rate = dy.Decimal(4, 2); Channel = dy.Enum(['web', 'Straße']); "
    "At = dy.Datetime(time_zone='Europe/Berlin', nullable=True); Quantity = dy.Int64()"
)
FOLDERS = r"day=(?P<Day>[^/]*)/rate=(?P<Rate>[^/]*)/(?P<Channel>[^/_]*)(?:_(?P<At>.*))?\.csv"


def test_folders_and_names_are_read_like_cells_and_findings_name_what_they_should_be(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    names = {
        "day=2024-01-31/rate=1.5/web.csv": "loaded",
        "day=2024-01-31/rate=1.5/Stra\u00dfe_2024-06-01 12:00:00.csv": "loaded",
        "day=2024-01-31/rate=1.505/web.csv": "quarantined",
        "day=2024-1-31/rate=1.5/web.csv": "quarantined",
        "day=2024-01-31/rate=1.5/phone.csv": "quarantined",
        "day=2024-01-31/rate=1.5/web_2024-03-31 02:30:00.csv": "quarantined",
        "2024-01-31/web.csv": "quarantined",
    }
    options = {"columns": COLUMNS, "from_path": FOLDERS, "recursive": True, "expect": None}
    with live(tmp_path, "polling", **options) as living:  # type: ignore[arg-type]  # options of several types
        for number, name in enumerate(names):
            (landing / name).parent.mkdir(parents=True, exist_ok=True)
            living.put(name, f"Quantity\n{number}\n".encode())
        living.wait_until(lambda: {name: living.state_of(name) for name in names} == names)
        shared = (date(2024, 1, 31), Decimal("1.50"))
        assert {row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows()} == {
            (*shared, "web", None, 0),
            (*shared, "Stra\u00dfe", datetime(2024, 6, 1, 10, tzinfo=UTC), 1),
        }
        found = {name: row.first_finding for name in names if (row := living.file(name)) is not None}
        assert [finding.rule for finding in found.values() if finding is not None] == [
            "decimal", "date", "enum", "moment", "from_path",
        ]  # fmt: skip
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
    wider = COLUMNS.replace("4, 2", "6, 3").replace("'web'", "'web', 'phone'")
    with live(tmp_path, "polling", **{**options, "columns": wider}) as living:  # type: ignore[arg-type]
        living.wait_until(lambda: living.state_of("day=2024-01-31/rate=1.5/phone.csv") == "loaded")
        living.wait_until(lambda: living.state_of("day=2024-01-31/rate=1.505/web.csv") == "loaded")
        rates = {row[1] for row in all_rows(living.feed.cube, "sales").iter_rows()}
        assert rates == {Decimal("1.500"), Decimal("1.505")}
