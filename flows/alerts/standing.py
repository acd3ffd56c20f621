"""Who is told, and what has not arrived: what `status` and `doctor` show of alerts. Nothing of an address is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flows.alerts.addresses import Address
from flows.store.alerts import Undelivered
from flows.text.numbers import format_utc
from flows.text.plural import counted


def address_rows(addresses: Iterable[Address], waiting: Mapping[str, Undelivered]) -> list[dict[str, Any]]:
    """The addresses in JSON types, in order.

    Args:
        addresses: who is told.
        waiting: the messages that wait, by the mark of their address.
    """
    return [_row(address, waiting.get(address.mark)) for address in addresses]


def address_words(row: dict[str, Any]) -> str:
    """An address of `address_rows` in a line."""
    told = f"{row['address']} ({row['kind']}) is told {row['told']}"
    if not row["waiting"]:
        return told
    tried = f", tried {counted(row['tries'], 'time')}" if row["tries"] else ""
    wait = "waits" if row["waiting"] == 1 else "wait"
    return f"{told}; {counted(row['waiting'], 'message')} {wait} since {format_utc(row['waiting_since_utc'])}{tried}"


def _row(address: Address, waiting: Undelivered | None) -> dict[str, Any]:
    return {
        "address": address.number,
        "kind": address.scheme,
        "told": address.topic_names,
        "waiting": waiting.messages if waiting is not None else 0,
        "waiting_since_utc": waiting.since_utc if waiting is not None else None,
        "tries": waiting.tries if waiting is not None else 0,
    }
