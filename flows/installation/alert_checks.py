"""What `doctor` checks of alerts: whether the addresses can be used, and what has not arrived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from flows.alerts.addresses import Address, configured_addresses
from flows.alerts.heartbeat import configured_heartbeat
from flows.alerts.receivers import require_usable
from flows.alerts.standing import address_rows, address_words
from flows.errors import CubefeedError
from flows.installation.check_row import Row, check_row
from flows.settings import ALERTS_VARIABLE, Settings
from flows.store.alerts import undelivered
from flows.store.installation import installation_id
from flows.store.ledger_file import open_ledger
from flows.store.state_directory import StateDirectory


def alert_rows(settings: Settings) -> Iterator[Row]:
    """Who is told what goes wrong, and what has not arrived."""
    state = StateDirectory(settings.state)
    if not state.root.is_dir():
        return  # its own check says why
    try:
        addresses = configured_addresses(installation_id(state))
        require_usable(addresses)
        rows = _address_rows(addresses, state)
    except CubefeedError as error:
        yield check_row("alerts", "fail", error.what, error.next_step)
        return
    if not addresses:
        yield check_row(
            "alerts", "ok", "nobody is told what goes wrong", f"to have people told, set {ALERTS_VARIABLE.name}"
        )
    for row in rows:
        arrives = not row["tries"]
        advice = "" if arrives else "see what it answers: cubefeed alerts test"
        yield check_row("alerts", "ok" if arrives else "warn", f"address {address_words(row)}", advice)


def _address_rows(addresses: Sequence[Address], state: StateDirectory) -> list[dict[str, Any]]:
    if not addresses or not state.ledger.exists():
        return address_rows(addresses, {})
    with closing(open_ledger(state.ledger, create=False)) as ledger:
        return address_rows(addresses, undelivered(ledger))


def heartbeat_rows(_: Settings) -> Iterator[Row]:
    """Whether somebody notices that nothing is left to tell."""
    try:
        url = configured_heartbeat()
    except CubefeedError as error:
        yield check_row("heartbeat", "fail", error.what, error.next_step)
        return
    if url is not None:
        yield check_row("heartbeat", "ok", "an address is called every minute while all is well")
