"""What tells one state directory from all others, wherever it is moved to."""

from __future__ import annotations

from uuid import uuid4

from flows.store.atomic_write import write_file
from flows.store.state_directory import StateDirectory
from flows.store.trust import own_text

ID_BYTES = 200


def installation_id(state: StateDirectory) -> str:
    """The identifier of a state directory; made when there is none yet.

    Raises:
        StateError: it cannot be read or written, or cannot be trusted.
    """
    file = state.root / "installation"
    try:
        return own_text(file, ID_BYTES).strip()
    except FileNotFoundError:
        made = uuid4().hex
        write_file(file, f"{made}\n", what="what names this installation", durable=False)
        return made
