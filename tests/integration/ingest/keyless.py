"""The sales in a table without keys, for feeds whose declaration is written as text."""

from __future__ import annotations

import dataframely as dy


class Sales(dy.Schema):
    """The sales, none of which is the key."""

    ID = dy.Integer()
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Integer(min=0)


class Written:
    """A value whose text in a declaration is another than its own."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


KEYLESS = Written(f"__import__({__name__!r}, fromlist=['Sales']).Sales")
