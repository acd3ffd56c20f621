"""The disks in use, and which of them will soon be full.

A warning is for people who look (`status`, `doctor`, the live page). It is no complaint of `/health`: nothing has
failed yet, and whoever starts a session again that calls itself unwell would only make it worse. Where something has
failed for want of room, a dataset is degraded, and that is a complaint.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.core.dataset import Dataset
from flows.store.disk import Mount, mounts_in_use
from flows.store.state import State

LOOK_S = 10.0
"""How long a measurement holds: the live page asks for the status after every commit."""


def places(state: State) -> dict[str, Path]:
    """What this installation writes besides what it is given → where."""
    return {
        "state": state.root,
        "segments": state.segments,
        "quarantine": state.quarantine,
        "reports": state.reports,
        "backups": state.backups,
        "Prefect's home": Path(os.environ.get("PREFECT_HOME") or state.prefect),
        "temporary files": Path(tempfile.gettempdir()),
        "working directory": Path.cwd(),  # DuckDB puts there what does not fit into memory
    }


def landing_places(datasets: Iterable[Dataset]) -> dict[str, Path]:
    """What producers write → where: on a full disk they leave half of a file, or none."""
    return {f"landing of {dataset.name}": dataset.directory for dataset in datasets}


def warning(mount: Mount) -> str | None:
    """What to say of a disk, where it is nearly full."""
    if not mount.free.nearly_full:
        return None
    return f"the disk at {mount.path} ({', '.join(mount.uses)}) is nearly full: {mount.free}"


@dataclass
class Disks:
    """The disks of one session, measured when somebody asks, and not more often than is of use."""

    places: Mapping[str, Path]
    _measured: list[Mount] = field(default_factory=list)
    _due_at: float = 0.0

    def as_json(self) -> list[dict[str, Any]]:
        """The mounts in use, in JSON types; `warning` is None where all is well."""
        return [
            {
                "path": str(mount.path),
                "uses": list(mount.uses),
                "total_bytes": mount.free.total_bytes,
                "free_bytes": mount.free.free_bytes,
                "warning": warning(mount),
            }
            for mount in self._mounts()
        ]

    def _mounts(self) -> list[Mount]:
        if time.monotonic() >= self._due_at:
            self._measured = mounts_in_use(self.places)
            self._due_at = time.monotonic() + LOOK_S
        return self._measured
