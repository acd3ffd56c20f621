"""Secrets stay out of messages, logs and tracebacks, and out of the environment of what has no use for them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping

REDACTED = "…"
"""What stands in the place of a secret."""
LEAST_CHARS = 8
"""What is shorter than this is no secret but a word, which would be taken out of every message."""

_NAMED_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|AUTH_STRING|CREDENTIAL|LICENSE|(API|ACCESS|PRIVATE)_KEY")
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
    yield from sorted((value for value in values | passwords if len(value) >= LEAST_CHARS), key=len, reverse=True)


class RedactingFormatter(logging.Formatter):
    """Writes a line of the log, and its traceback, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def log_without_secrets(level: int | str) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
