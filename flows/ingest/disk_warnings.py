"""The disks in use, and which of them will soon be full.

A warning is for people who look (`status`, `doctor`, the live page). It is no complaint of `/health`: nothing has
failed yet, and whoever starts a session again that calls itself unwell would only make it worse. Where something has
failed for want of room, a dataset is degraded, and that is a complaint.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.landing.mount_thread import MountCall, MountThread
from flows.model.dataset import Dataset
from flows.store.disk import Mount, mounts_in_use
from flows.store.state_directory import StateDirectory

LOOK_S = 10.0
"""How long a measurement holds: the live page asks for the status after every commit."""
PATIENCE_S = 0.2
"""How long a mount may take to answer. One that hangs is left out until it does."""


def places(state: StateDirectory) -> dict[str, Path]:
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


class Disks:
    """The disks of one session, measured when somebody asks, and not more often than is of use.

    Args:
        places: what this installation writes → where.
        landing: what producers write → where. Such a mount may hang; whoever asks does not wait for it.
    """

    def __init__(self, places: Mapping[str, Path], landing: Mapping[str, Path]) -> None:
        self._own = places
        self._all = {**places, **landing}
        self._measured: list[Mount] = []
        self._due_at = 0.0
        self._asked: MountCall[list[Mount]] | None = None
        self._thread = MountThread("the disks in use")
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the thread that asks the landing directories' mounts."""
        self._thread.stop()

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
        with self._lock:
            if time.monotonic() >= self._due_at:
                self._measured = self._measure()
                self._due_at = time.monotonic() + LOOK_S
            return self._measured

    def _measure(self) -> list[Mount]:
        asked = self._asked or self._thread.begin_call(lambda: mounts_in_use(self._all))
        if not asked.wait(PATIENCE_S):
            self._asked = asked
            return mounts_in_use(self._own)
        self._asked = None
        return asked.result()
