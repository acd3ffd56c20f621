"""A year of exports of a shop system, as people send them, with the truth beside it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

YEAR = 2024
MONTHS = range(1, 13)
CHANNEL_SINCE, REORDERED, PACKED = 6, 9, 10
"""The month since which there is a column more, that with its columns in another order, that which is compressed."""
MARKED = (1, 4, 8)
"""Months whose first line names the delimiter."""
CUSTOMERS = ("Müller & Söhne", "Bäckerei Groß", "Café Léonie", "Jansen; Groothandel", 'Pension "Zum Löwen"', "Weiß KG")
ARTICLES = (("Stuhl, Eiche", "149,90"), ("Tisch", "1.249,00"), ("Lampe", "38,50"), ("Regal „Ömer“", "0,99"))
COLUMNS = ("Bestell-Nr.", "Datum", "Kunde", "Artikel", "Menge", "Einzelpreis", "Betrag", "Bemerkung")
CHANNELS = ("Web", "Laden")


@dataclass(frozen=True)
class Order:
    """One row: prices in cents."""

    number: int
    day: date
    customer: str
    article: str
    quantity: int
    price_cents: int
    note: str
    channel: str

    @property
    def cents(self) -> int:
        return self.quantity * self.price_cents


def make_orders(seed: int, *, per_month: int = 40) -> list[Order]:
    """The orders of a year: some are given back, which makes their quantity negative."""
    random, orders = Random(seed), list[Order]()
    for month in MONTHS:
        first = date(YEAR, month, 1)
        for _ in range(per_month):
            article, price = random.choice(ARTICLES)
            orders.append(
                Order(
                    number=100_000 + len(orders),
                    day=first + timedelta(days=random.randrange(28)),
                    customer=random.choice(CUSTOMERS),
                    article=article,
                    quantity=random.choice((1, 1, 2, 3, 12, 100, -1)),
                    price_cents=int(price.replace(".", "").replace(",", "")),
                    note=random.choice(("", "", "", "eilig")),
                    channel=random.choice(CHANNELS) if month >= CHANNEL_SINCE else "",
                )
            )
    return orders


def write_exports(directory: Path, orders: Sequence[Order]) -> list[Path]:
    """A file for each month, none written like the one before."""
    directory.mkdir()
    return [_write(directory, month, [each for each in orders if each.day.month == month]) for month in MONTHS]


def write_workbook(file: Path, orders: Sequence[Order]) -> None:
    """The orders of a month as a workbook, as an office sends them: typed cells, a title above."""
    with xlsxwriter.Workbook(file) as book:
        sheet, days = book.add_worksheet("Bestellungen"), book.add_format({"num_format": "dd.mm.yyyy"})
        money = book.add_format({"num_format": "#,##0.00 €"})
        sheet.write(0, 0, "Bestellungen")
        sheet.write_row(2, 0, (*COLUMNS, "Kanal"))
        for place, each in enumerate(orders, 3):
            sheet.write(place, 0, each.number)
            sheet.write_datetime(place, 1, each.day, days)
            sheet.write_row(place, 2, (each.customer, each.article, each.quantity))
            sheet.write(place, 5, each.price_cents / 100, money)
            sheet.write(place, 6, each.cents / 100, money)
            sheet.write_row(place, 7, (each.note, each.channel))


def euros(cents: int) -> Decimal:
    """An amount as the cube has it."""
    return Decimal(cents).scaleb(-2)


def _write(directory: Path, month: int, orders: Sequence[Order]) -> Path:
    body = "".join(f"{line}\r\n" for line in _lines(month, orders)).encode("cp1252" if month % 2 else "utf-8-sig")
    file = directory / f"Bestellungen_{YEAR}-{month:02d}.csv"
    if month == PACKED:
        file = file.with_name(f"{file.name}.gz")
        body = gzip.compress(body, mtime=0)
    file.write_bytes(body)
    return file


def _lines(month: int, orders: Sequence[Order]) -> list[str]:
    columns = _columns(month)
    rows = [_cells(order) for order in orders]
    above = ["sep=;"] if month in MARKED else []
    above += [f"Bestellungen {month:02d}/{YEAR}", ""] if month % 3 == 0 else []
    total = {"Betrag": _money(sum(order.cents for order in orders)), columns[0]: "SUMME"}
    return [
        *above,
        ";".join(columns),
        *(";".join(_quoted(row[name]) for name in columns) for row in rows),
        ";".join(total.get(name, "") for name in columns),
    ]


def _columns(month: int) -> tuple[str, ...]:
    columns = (*COLUMNS, "Kanal") if month >= CHANNEL_SINCE else COLUMNS
    return (*columns[4:], *columns[:4]) if month == REORDERED else columns


def _cells(order: Order) -> dict[str, str]:
    return dict(
        zip(
            (*COLUMNS, "Kanal"),
            (
                str(order.number), f"{order.day:%d.%m.%Y}", order.customer, order.article, str(order.quantity),
                _money(order.price_cents), _money(order.cents), order.note, order.channel,
            ),
            strict=True,
        )
    )  # fmt: skip


def _money(cents: int) -> str:
    """`1.234,56 €`"""
    return f"{euros(cents):,.2f} €".translate({ord(","): ".", ord("."): ","})


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(';"') else cell
