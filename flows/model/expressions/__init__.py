"""Expressions over the columns of a row: which polars expressions may be declared, and how their values are computed
so that no digit is lost in silence."""
