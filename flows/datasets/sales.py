"""The guide's sales application: one CSV a day."""

import dataframely as dy
from cubefeed import DailyBy, Dataset


class Sales(dy.Schema):
    """One row per sale."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)


SALES = Dataset(
    schema=Sales,
    landing="data/sales/current",
    expect=DailyBy("07:00", "Europe/Paris", day="Date", lag_days=1),
)
