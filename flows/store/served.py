"""Which declarations the sessions on a state directory have last served, for who names the directory alone."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.errors import DiskFull, StateError
from flows.store.atomic_write import write_file
from flows.store.trust import own_text

_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Served:
    """What a session has served.

    Args:
        datasets: as settings name them; files of one's own by absolute paths.
        landing: the landing directory, absolute, of the only dataset; None where there are several.
    """

    datasets: str
    landing: str | None = None

    @classmethod
    def named(cls, datasets: str, landing: Path | None) -> Served:
        """The same in absolute paths, so that it means the same from everywhere."""
        names = [_absolute(name.strip()) for name in datasets.split(",") if name.strip()]
        return cls(",".join(names), None if landing is None else str(landing.absolute()))


def _absolute(name: str) -> str:
    file, colon, attribute = name.rpartition(":")
    return f"{Path(file).absolute()}:{attribute}" if colon else name


def remember_served(root: Path, served: Served) -> None:
    """Keep it; on a full disk what was kept before stays."""
    with suppress(OSError, DiskFull):
        write_file(_file(root), json.dumps(asdict(served)) + "\n", what="what is served", durable=False)


def last_served(root: Path) -> Served | None:
    """What was kept; None where nothing was, or it cannot be believed."""
    try:
        facts = json.loads(own_text(_file(root), _MOST_BYTES))
        datasets, landing = facts["datasets"], facts["landing"]
    except (StateError, OSError, ValueError, TypeError, KeyError):
        return None
    return Served(datasets, landing) if isinstance(datasets, str) and isinstance(landing, str | None) else None


def _file(root: Path) -> Path:
    return root / "served.json"
