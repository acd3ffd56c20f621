"""`cubefeed alerts test`: whether the addresses take a message."""

from __future__ import annotations

from typing import Any

from flows.alerts.addresses import configured_addresses
from flows.alerts.receivers import require_usable, send
from flows.alerts.wording import sender
from flows.errors import DeclarationError
from flows.model.alerts import Message, Mood
from flows.runtime.clock import now_utc
from flows.settings import ALERTS_VARIABLE, Settings


def send_trial(settings: Settings) -> list[dict[str, Any]]:
    """Send a message to each address. Returns what each answered.

    Raises:
        DeclarationError: there is no address, or one that cannot be used.
    """
    addresses = configured_addresses("")
    if not addresses:
        raise DeclarationError(
            f"{ALERTS_VARIABLE.name} names nobody",
            next_step="set it to addresses such as mailto://…, as deployments/README.md says",
        )
    require_usable(addresses)
    body = f"Whoever reads this is told what goes wrong with the cube of {settings.datasets}."
    message = Message("", f"{sender(settings.name)}: a test of the alerts", body, Mood.NEWS.value, now_utc())
    answers = [(address, send(address, message)) for address in addresses]
    return [
        {
            "address": address.number,
            "kind": address.scheme,
            "told": address.topic_names,
            "taken": answer.taken,
            "answer": answer.text,
        }
        for address, answer in answers
    ]
