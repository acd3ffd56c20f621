"""The sales application with prices: what a shop has sold, a CSV a month, and the list of its products."""

import dataframely as dy
import polars as pl
from cubefeed import Dataset, Derived, Join, Previous, Share


class Products(dy.Schema):
    """One row per product. A corrected list labels all sales anew."""

    Product = dy.String(primary_key=True)
    Category = dy.String()
    Supplier = dy.String()


class Shop(dy.Schema):
    """One row per sale, with the price at which it was sold."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)
    Price = dy.Decimal(12, 2, min=0)


PRODUCTS = Dataset(schema=Products, landing="data/shop/products")

SHOP = Dataset(
    schema=Shop,
    landing="data/shop/sales",
    columns={"Revenue": Derived(pl.col("Price") * pl.col("Quantity"), dy.Decimal(14, 2))},
    joins=(Join(PRODUCTS, on={"Product": "Product"}),),
    measures={"Month before": Previous("Revenue.SUM", "Date.Month"), "Share": Share("Revenue.SUM")},
    number_formats={"Revenue.SUM": "€ {:,.2f}", "Month before": "€ {:,.2f}", "Share": "{:.1%}"},
)
