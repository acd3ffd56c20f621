"""The token that readers of the live page and of the read API have to know."""

from __future__ import annotations

import os
import re
import secrets

from flows.errors import StateError
from flows.settings import TOKEN_VARIABLE

TOKEN = TOKEN_VARIABLE.name
NEXT = f'export {TOKEN}="$(cubefeed token)"'
_BYTES = 32
LEAST_LETTERS = 32
"""As many as write 128 random bits in hexadecimal, the form with the fewest bits per letter that is in use."""
LEAST_DIFFERENT = 8
"""Random letters repeat, but not like this: 32 hexadecimal digits have fewer different ones once in some millions."""


def make_token() -> str:
    """A new one, of 256 random bits."""
    return secrets.token_urlsafe(_BYTES)


def token_here() -> str | None:
    """The token of this process's environment; None where the variable is not set.

    Raises:
        StateError: it can be guessed, or cannot be part of an address. The error does not repeat it.
    """
    token = os.environ.get(TOKEN)
    if token is None:
        return None
    if not re.fullmatch(rf"[A-Za-z0-9._~-]{{{LEAST_LETTERS},}}", token) or len(set(token)) < LEAST_DIFFERENT:
        raise StateError(
            f"{TOKEN} has to be at least {LEAST_LETTERS} letters of a-z, A-Z, 0-9, - . _ ~, chosen at random",
            next_step=NEXT,
            got=f"{len(token)} letters, {len(set(token))} different ones",
        )
    return token
