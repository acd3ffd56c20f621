"""Sends messages through apprise, which is imported when the first address is looked at: it takes half a second."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.alerts.addresses import Address, unusable
from flows.errors import plain
from flows.model.alerts import Message
from flows.redaction import without_secrets

if TYPE_CHECKING:
    from apprise import NotifyBase

TAKEN = "taken"


class Answer(NamedTuple):
    """What came of sending.

    Args:
        taken: whether the receiver has the message.
        text: in words, without secrets.
    """

    taken: bool
    text: str


def require_usable(addresses: Iterable[Address]) -> None:
    """Refuse what no receiver can be made of, before anything is started.

    Raises:
        DeclarationError: an address cannot be parsed; it says which, and not what it holds.
    """
    for address in addresses:
        _receiver(address)


def send(address: Address, message: Message) -> Answer:
    """Send a message; it takes seconds where the receiver does not answer.

    Raises:
        DeclarationError: the address cannot be parsed.
    """
    import apprise

    receiver = apprise.Apprise(asset=_asset())
    receiver.add(_receiver(address))
    page = message.page if message.page is not None and Path(message.page).is_file() else None
    with _warnings() as warnings:
        taken = receiver.notify(
            body=message.body,
            title=message.title,
            notify_type=apprise.NotifyType(message.mood),
            body_format=apprise.NotifyFormat.TEXT,
            attach=page,
        )
    if taken:
        return Answer(True, TAKEN)
    return Answer(False, plain(without_secrets(" ".join(warnings)))[:500] or "it did not take it, and did not say why")


def _receiver(address: Address) -> NotifyBase:
    import apprise

    with _warnings():  # which quote the address
        try:
            found = apprise.Apprise.instantiate(address.url, asset=_asset(), suppress_exceptions=False)
        except (TypeError, ValueError, AttributeError, KeyError):
            found = None
    if found is None:
        raise unusable(address.number, address.scheme, "cannot be parsed") from None
    return found


def _asset() -> Any:
    """How messages call themselves; without the pictures that a receiver would fetch from elsewhere."""
    import apprise

    return apprise.AppriseAsset(
        app_id="Cubefeed", app_desc="Cubefeed", app_url="", image_url_mask="", image_url_logo=""
    )


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What apprise warns of meanwhile; nothing of it reaches a log, since it may quote addresses."""
    found: list[str] = []
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
