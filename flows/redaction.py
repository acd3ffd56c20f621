"""Secrets stay out of messages, logs and tracebacks, and out of the environment of what has no use for them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache

REDACTED = "…"
"""What stands in the place of a secret."""
LEAST_CHARS = 8
"""What is shorter than this is no secret but a word, which would be taken out of every message."""

_ADDRESSES = ("CUBEFEED_ALERTS", "CUBEFEED_HEARTBEAT_URL")
"""Variables that hold addresses in which any part may be a secret: a token in the path, a password in the query."""
_NAMED_SECRET = re.compile(
    rf"TOKEN|SECRET|PASSWORD|AUTH_STRING|CREDENTIAL|LICENSE|(API|ACCESS|PRIVATE)_KEY|{'|'.join(_ADDRESSES)}"
)
_HOSTED = frozenset({"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"})
"""Schemes in which a server is named, with or without a dot."""
_WORD = re.compile(r"[a-z]+|[\d.:]+|localhost")
"""A part of an address that is no secret, and would be taken out of every message."""
_SIGNED_IN = re.compile(r"(?<=://)[^\s/?#@]*(:\S*)?@")
"""Who signs in at an address, and with what: `user:password@`."""


def without_secrets(text: object) -> str:
    """Text as it may be shown: without the secrets of this process's environment, and without what addresses in it
    (of servers, of databases) sign in with."""
    shown = str(text)
    for secret in _secrets(os.environ):
        shown = shown.replace(secret, REDACTED)
    return _SIGNED_IN.sub(f"{REDACTED}@", shown)


def without_secret_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that needs no secret."""
    return {name: value for name, value in environment.items() if not _NAMED_SECRET.search(name)}


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of the variables that are named like secrets, and passwords in them, the longest first."""
    values = {value for name, value in environment.items() if _NAMED_SECRET.search(name)}
    passwords = {value.partition(":")[2] for value in values}
    parts = {part for name in _ADDRESSES for url in environment.get(name, "").split() for part in _address_secrets(url)}
    every = values | passwords | parts
    yield from sorted((value for value in every if len(value) >= LEAST_CHARS), key=len, reverse=True)


@cache
def _address_secrets(entry: str) -> frozenset[str]:
    """What must not be shown of an address: all of it, its path, and each part that is no word and no server's name.

    For some services the part in the server's place is a token: it counts as a name where it has a dot in it.
    """
    from urllib.parse import unquote  # only here: every command imports this module

    url = entry[entry.find("=") + 1 :] if "=" in entry.partition("://")[0] else entry
    scheme, _, rest = url.partition("://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, query = rest[len(place) :].partition("?")
    signs, _, server = place.rpartition("@")
    named = server.rpartition(":")[0] or server
    tokens = [] if "." in named or scheme.lower() in _HOSTED else [named]
    tokens += signs.split(":")[-1:]
    tokens += path.split("/") + [pair.partition("=")[2] for pair in re.split("[&#]", query)]
    secret = {text for token in tokens for text in (token, unquote(token)) if not _WORD.fullmatch(text)}
    return frozenset({url, rest, path, query} | secret)


class RedactingFormatter(logging.Formatter):
    """Writes a line of the log, and its traceback, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def log_without_secrets(level: int | str) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
