"""A year of exports of a shop, no two months alike, is declared by `init`, loaded, and right to the cent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.ingest.bootstrap import open_feed
from flows.model.query import Query
from flows.settings import Settings
from tests.integration.inference.shop import Order, euros, make_orders, write_exports, write_workbook
from tests.integration.live_feed import LiveFeed, running

pytestmark = pytest.mark.usefixtures("quick")


def summed(orders: Sequence[Order], by: Callable[[Order], object]) -> dict[object, tuple[Decimal, int, int]]:
    """Of each value the amount, the quantity and the number of orders."""
    groups = defaultdict[object, list[Order]](list)
    for order in orders:
        groups[by(order)].append(order)
    return {
        value: (euros(sum(each.cents for each in group)), sum(each.quantity for each in group), len(group))
        for value, group in groups.items()
    }


def shown(living: LiveFeed, by: str) -> dict[object, tuple[Decimal, int, int]]:
    """The same as the cube has it."""
    measures = ("Betrag.SUM", "Menge.SUM", "contributors.COUNT")
    frame = living.feed.cube.query(Query("sales", measures, (by,)))
    return {row[by]: tuple(row[each] for each in measures) for row in frame.iter_rows(named=True)}


def test_a_month_as_a_workbook_is_a_dataset_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orders = make_orders(3)
    july = [each for each in orders if each.day.month == 7]
    (tmp_path / "landing").mkdir()
    write_workbook(tmp_path / "landing" / "july.xlsx", july)
    done = CliRunner().invoke(app, ["init", "landing", "-o", "shop.py", "--name", "sales"])
    assert done.exit_code == 0, done.output
    settings = Settings(state=tmp_path / "state", datasets="shop.py:SALES", observer="native", settle_s=0.05)
    with open_feed(settings) as opened, running(opened, tmp_path / "landing") as living:
        living.look()
        assert shown(living, "Datum") == summed(july, lambda order: order.day)


def test_a_month_as_a_workbook_among_the_exports_of_others_is_one_dataset_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    orders = make_orders(3)
    write_exports(tmp_path / "landing", orders)[6].unlink()
    write_workbook(tmp_path / "landing" / "july.xlsx", [each for each in orders if each.day.month == 7])
    done = CliRunner().invoke(app, ["init", "landing", "-o", "shop.py", "--name", "sales"])
    assert done.exit_code == 0, done.output
    settings = Settings(state=tmp_path / "state", datasets="shop.py:SALES", observer="native", settle_s=0.05)
    with open_feed(settings) as opened, running(opened, tmp_path / "landing") as living:
        living.look()
        assert shown(living, "Datum") == summed(orders, lambda order: order.day)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_year_of_exports_is_right_to_the_cent(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orders = make_orders(seed)
    files = write_exports(tmp_path / "landing", orders)
    done = CliRunner().invoke(app, ["init", "landing", "-o", "shop.py", "--name", "sales"])
    assert done.exit_code == 0, done.output
    assert f"{len(orders)} rows of {len(files)} files are taken" in done.output

    rows = files[1].read_bytes().splitlines(keepends=True)
    (tmp_path / "cut.csv").write_bytes(b"".join([*rows[:-2], rows[-1]]))
    cut = CliRunner().invoke(app, ["check", "--dataset", "shop.py:SALES", "cut.csv"])
    assert cut.exit_code == 1 and "trailer" in cut.output, "the total is held against the rows"

    settings = Settings(state=tmp_path / "state", datasets="shop.py:SALES", observer="native", settle_s=0.05)
    with open_feed(settings) as opened, running(opened, tmp_path / "landing") as living:
        living.look()
        for level, of in (
            ("Datum", lambda order: order.day),
            ("Kunde", lambda order: order.customer),
            ("Artikel", lambda order: order.article),
            ("Kanal", lambda order: order.channel or None),
        ):
            assert shown(living, level) == summed(orders, of), level
