"""The name that an installation has among others on the same host."""

from __future__ import annotations

import os
import re

from flows.store.atomic_write import write_file
from flows.store.state_directory import StateDirectory
from flows.store.trust import own_text

_BYTES = 16
_FILE_BYTES = 1 << 10


def installation_id(state: StateDirectory) -> str:
    """A random text that stays the same; made where there is none yet. It is no secret.

    Raises:
        DiskFull: there is no room for it.
        StateError: it is another user's, or others can write it.
        OSError: it cannot be read or written.
    """
    file = state.root / "installation"
    try:
        text = own_text(file, _FILE_BYTES).strip()
    except (FileNotFoundError, ValueError):
        text = ""
    if not re.fullmatch(rf"[0-9a-f]{{{2 * _BYTES}}}", text):
        text = os.urandom(_BYTES).hex()
        state.create()
        write_file(file, f"{text}\n", what="the name of the installation")
    return text
