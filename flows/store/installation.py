"""What tells an installation from others on the same host."""

from __future__ import annotations

import os
import re

from flows.store.atomic import write_file
from flows.store.state import State

_BYTES = 16


def installation_id(state: State) -> str:
    """A random text that stays the same; made where there is none yet. It is no secret.

    Raises:
        DiskFull: there is no room for it.
        OSError: it cannot be written.
    """
    file = state.root / "installation"
    try:
        text = file.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        text = ""
    if not re.fullmatch(rf"[0-9a-f]{{{2 * _BYTES}}}", text):
        text = os.urandom(_BYTES).hex()
        write_file(file, f"{text}\n", what="the name of the installation")
    return text
