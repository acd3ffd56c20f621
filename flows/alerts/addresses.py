"""The addresses in CUBEFEED_ALERTS, and what each of them is told. An address holds secrets and is shown nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from flows.errors import DeclarationError
from flows.model.alerts import Kind
from flows.settings import ALERTS_VARIABLE

MARK_BYTES = 8
_ENTRY = re.compile(r"(?:(?P<topics>[^\s=:/]*)=)?(?P<url>(?P<scheme>[A-Za-z][\w.+-]*)://\S+)")


class Topic(StrEnum):
    """What an address is told."""

    PROBLEM = "problem"
    LATE = "late"
    REPORT = "report"


ALL = "all"
DEFAULT = frozenset({Topic.PROBLEM, Topic.LATE})
"""What an address is told that names no topics."""
EXPECTED = f"addresses such as problem,report=mailto://…, with {', '.join(Topic)} or {ALL} in front of each"


@dataclass(frozen=True)
class Address:
    """Where messages go.

    Args:
        number: its place in the variable, from 1.
        scheme: what it is, such as `slack`.
        topics: what it is told.
        url: as it stands in the variable: a secret.
        mark: tells it from others in the ledger, and nothing of what it is.
    """

    number: int
    scheme: str
    topics: frozenset[Topic]
    url: str = field(repr=False)
    mark: str

    def __str__(self) -> str:
        return f"{self.number} ({self.scheme})"

    @property
    def topic_names(self) -> str:
        """Its topics, as the variable has them."""
        return ",".join(topic for topic in Topic if topic in self.topics)


def topic_of(kind: Kind) -> Topic:
    """Which topic a problem belongs to."""
    return Topic.LATE if kind is Kind.LATE else Topic.PROBLEM


def configured_addresses(installation: str) -> tuple[Address, ...]:
    """The addresses of this process's environment, in order.

    Args:
        installation: its name among others, by which marks differ.

    Raises:
        DeclarationError: one is none; it says which, and not what it holds.
    """
    text = os.environ.get(ALERTS_VARIABLE.name, "")
    return tuple(_parse(number, entry, installation) for number, entry in enumerate(text.split(), start=1))


def _parse(number: int, entry: str, installation: str) -> Address:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise unusable(number, None, "is none")
    scheme, url = found["scheme"].lower(), found["url"]
    mark = blake2b(url.encode(), key=installation.encode()[:64], digest_size=MARK_BYTES).hexdigest()
    topics = frozenset(_topics(number, scheme, found["topics"])) if found["topics"] is not None else DEFAULT
    return Address(number, scheme, topics, url, mark)


def _topics(number: int, scheme: str, names: str) -> Iterator[Topic]:
    for name in names.split(","):
        if name == ALL:
            yield from Topic
        elif name in set(Topic):
            yield Topic(name)
        else:
            raise unusable(number, scheme, "names a topic that there is not")


def unusable(number: int, scheme: str | None, why: str) -> DeclarationError:
    """The error of an address that cannot be used; it does not show what the address holds."""
    return DeclarationError(
        f"{ALERTS_VARIABLE.name}: address {number}{f' ({scheme})' if scheme else ''} {why}",
        next_step=f"write {EXPECTED}, and a space between two; https://appriseit.com/services/ has the form of each",
    )
