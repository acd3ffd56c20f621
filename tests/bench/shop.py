"""The datasets of the benchmark's questions: orders with two derived columns, and the products that they are joined to.

They land where the working directory is."""

from __future__ import annotations

import dataframely as dy
import polars as pl
from cubefeed import Csv, Dataset, Derived, Header, Join, Parent, Parquet, Previous, Share


class Products(dy.Schema):
    """A row per product."""

    Product = dy.Int64(primary_key=True)
    Category = dy.String()
    Brand = dy.String()


class Orders(dy.Schema):
    """A row per order."""

    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Country = dy.String()
    City = dy.String()
    Customer = dy.String()
    Product = dy.Int64()
    Quantity = dy.Int64()
    Price = dy.Decimal(10, 2)


REVENUE = Derived(pl.col("Price") * pl.col("Quantity"), dy.Decimal(14, 2))
TAX = Derived((pl.col("Price") * pl.col("Quantity") * 0.19).round(2), dy.Decimal(14, 2))

PRODUCTS = Dataset(Products, "products", format=Csv(header=Header(by="name")))
ORDERS = Dataset(
    Orders,
    "orders",
    format=Parquet(),
    columns={"Revenue": REVENUE},
    joins=(Join(PRODUCTS, on={"Product": "Product"}),),
    measures={"Share": Share("Revenue.SUM", of=Parent()), "Before": Previous("Revenue.SUM", "Day.Month")},
)
PLAIN = Dataset(Orders, "landing", name="plain")
DERIVED = Dataset(Orders, "landing", name="derived", columns={"Revenue": REVENUE, "Tax": TAX})
"""The same orders as CSV, without and with derived columns."""
