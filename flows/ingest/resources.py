"""What a session has open, and all parts of its work share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flows.cube.observable import WatchedCube
from flows.store.crashes import Crashes
from flows.store.ledger import Ledger
from flows.store.quarantine import Quarantine
from flows.store.segments import Segments


@dataclass(frozen=True)
class Resources:
    """What a session has open.

    Args:
        cube: the tables that answer questions.
        ledger: what is known of files.
        segments: the rows of accepted versions.
        quarantine: what was refused.
        backups: the directory of the ledger's backups.
        crashes: which files are in hand, and which ones sessions have died over.
    """

    cube: WatchedCube
    ledger: Ledger
    segments: Segments
    quarantine: Quarantine
    backups: Path
    crashes: Crashes = field(default_factory=Crashes)
