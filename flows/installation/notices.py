"""What the foreground commands show besides their output: on standard error, without secrets."""

from __future__ import annotations

import sys

from flows.errors import plain_lines
from flows.redaction import without_secrets


def notify(text: str) -> None:
    """Show something to the user, apart from the output and without secrets."""
    write_notice(without_secrets(text))


def write_notice(text: str) -> None:
    """The same, with the secret that it may hold."""
    sys.stderr.write(f"{plain_lines(text)}\n")
    sys.stderr.flush()
