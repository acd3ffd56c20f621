"""How much the quarantine of a dataset may hold, and what goes first.

| what | when it goes |
|---|---|
| a version that its path no longer shows (it was corrected, or refused anew) | at once |
| the refused rows of a version whose file was refused since: the report stays | at once |
| bytes that lie in the landing directory too: the report stays | over the amount, the oldest first, or after the age |
| bytes whose file is gone, so that they lie nowhere else | last, over the amount or after the age; never within 30 days, and announced a week before |

Where only bytes that lie nowhere else are left, the amount is exceeded, and people are warned.
"""  # noqa: E501  # the table

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import select

from flows.model.dataset import Dataset
from flows.model.lifecycle import LIVE, PathFacts
from flows.model.limits import LEAST_QUARANTINE_DAYS
from flows.store.ledger import Ledger
from flows.store.quarantine import KeptVersion, Quarantine
from flows.store.schema import paths, versions
from flows.store.statements import among
from flows.text.plural import counted

log = logging.getLogger(__name__)

DAY_S = 86_400
ANNOUNCED_DAYS = 7
"""How long before they go people are warned: somebody looks once a week."""
SWEEP_S = 3600.0
"""How often all of it is looked at: ages are counted in days."""
AGAIN_S = 60.0
"""How often the amount is looked at while it is exceeded and nothing may go."""


class Standing(Enum):
    """What a refused version is to its path now."""

    SHOWN = "the file lies there as it was refused"
    GONE = "the file was refused last, and does not lie there any more"
    LOADED = "its other rows are in the cube, though the file was refused since"
    PAST = "another version has taken its place"


@dataclass
class Decision:
    """What goes: the refused bytes of some versions, all of others; and what is to be announced."""

    bytes_of: list[int] = field(default_factory=list)
    all_of: list[int] = field(default_factory=list)
    announced: list[int] = field(default_factory=list)


def decide(
    kept: Mapping[int, KeptVersion],
    standings: Mapping[int, Standing],
    *,
    most_bytes: int,
    age_s: float,
    now_s: float,
    certain: bool = True,
) -> Decision:
    """What goes of the quarantine of one dataset.

    Args:
        kept: version → what is kept of it.
        standings: version → what it is; one that is not named is taken for the only copy.
        most_bytes: how much may be kept.
        age_s: how long it may be kept.
        now_s: the time.
        certain: whether it is known what lies in the landing directory.
    """
    of = _by_standing(kept, standings)
    decision = Decision(
        all_of=list(of[Standing.PAST]),
        bytes_of=[version for version, each in of[Standing.LOADED].items() if each.has_bytes],
    )
    freed = sum(kept[version].size_bytes for version in (*decision.all_of, *decision.bytes_of))
    bounds = _Bounds(most_bytes, age_s, now_s, sum(each.size_bytes for each in kept.values()) - freed)
    for version, each in of[Standing.SHOWN].items() if certain else ():
        if each.has_bytes and bounds.exceeded_by(each):
            decision.bytes_of.append(version)
            bounds.left_bytes -= each.size_bytes
    for version, each in of[Standing.GONE].items():
        if now_s - each.at_s > LEAST_QUARANTINE_DAYS * DAY_S and bounds.exceeded_by(each):
            bounds.left_bytes -= each.size_bytes  # whether it goes now or once people were warned
            if each.announced_s is None:
                decision.announced.append(version)
            elif now_s - each.announced_s > ANNOUNCED_DAYS * DAY_S:
                decision.all_of.append(version)
    return decision


def _by_standing(
    kept: Mapping[int, KeptVersion], standings: Mapping[int, Standing]
) -> dict[Standing, dict[int, KeptVersion]]:
    """What is kept, the oldest first."""
    found: dict[Standing, dict[int, KeptVersion]] = {standing: {} for standing in Standing}
    for version, each in sorted(kept.items(), key=lambda item: (item[1].at_s, item[0])):
        found[standings.get(version, Standing.GONE)][version] = each
    return found


@dataclass
class _Bounds:
    """How much may be kept, how long, and how much is left after what was decided."""

    most_bytes: int
    age_s: float
    now_s: float
    left_bytes: int

    def exceeded_by(self, each: KeptVersion) -> bool:
        return self.left_bytes > self.most_bytes or self.now_s - each.at_s > self.age_s


class Allowance:
    """Keeps the quarantine of each dataset within its bounds. For the thread that writes it.

    Args:
        ledger: what each version is to its path.
        quarantine: what is kept.
        clock: the time, in seconds since 1970.
    """

    def __init__(self, ledger: Ledger, quarantine: Quarantine, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._quarantine = quarantine
        self._clock = clock
        self._at: dict[str, dict[int, set[int]]] = {}
        """Dataset → path → the versions of it of which something is kept."""
        self._looked_s: dict[str, float] = {}
        """Dataset → when all of it was looked at last."""
        self._over: set[str] = set()
        """Datasets that hold more than they may."""

    def after_batch(self, dataset: Dataset, touched: Iterable[PathFacts], *, certain: bool) -> None:
        """Free what a batch has made superfluous, and look at the rest of it where that is due.

        Args:
            dataset: whose batch.
            touched: the paths whose facts it has changed, as they are now.
            certain: whether it is known what lies in the landing directory.
        """
        kept = self._quarantine.kept(dataset.name)
        if kept:
            self._free_past(dataset.name, kept, touched)
        waited_s = self._clock() - self._looked_s.get(dataset.name, 0.0)
        was_over = dataset.name in self._over
        if (self._is_over(dataset) and not was_over) or not 0 <= waited_s < (AGAIN_S if was_over else SWEEP_S):
            self.sweep(dataset, certain=certain)

    def sweep(self, dataset: Dataset, *, certain: bool) -> None:
        """Look at all that is kept of a dataset, and free what is over its bounds."""
        name, now_s = dataset.name, self._clock()
        self._looked_s[name] = now_s
        kept = self._quarantine.kept(name)
        if not kept:
            return
        standings, self._at[name] = self._standings(kept)
        decision = decide(
            kept,
            standings,
            most_bytes=dataset.limits.quarantine_bytes,
            age_s=dataset.limits.quarantine_days * DAY_S,
            now_s=now_s,
            certain=certain,
        )
        self._carry_out(name, decision)
        (self._over.add if self._is_over(dataset) else self._over.discard)(name)

    def _is_over(self, dataset: Dataset) -> bool:
        return self._quarantine.size_bytes(dataset.name) > dataset.limits.quarantine_bytes

    def _carry_out(self, name: str, decision: Decision) -> None:
        for version in decision.announced:
            self._quarantine.announce(name, version, at_s=self._clock())
        if decision.announced:
            log.warning(
                "%s: what was refused of %s lies nowhere else, and goes in %s days; copy it away from %s before",
                name,
                counted(len(decision.announced), "file"),
                ANNOUNCED_DAYS,
                self._quarantine.directory / name,
            )
        for version in decision.bytes_of:
            self._quarantine.free_bytes(name, version)
        for version in decision.all_of:
            self._quarantine.remove(name, version)

    def _free_past(self, name: str, kept: Mapping[int, KeptVersion], touched: Iterable[PathFacts]) -> None:
        if name not in self._at:
            _, self._at[name] = self._standings(kept)
        at, living, before = self._at[name], dict[int, int](), set[int]()
        for path in touched:
            if path.id is not None:
                before |= at.pop(path.id, set())
                living |= {each.id: path.id for each in (path.judged, path.current) if each and each.id in kept}
        for version, path_id in living.items():
            at.setdefault(path_id, set()).add(version)
        for version in before - living.keys():
            self._quarantine.remove(name, version)

    def _standings(self, ids: Iterable[int]) -> tuple[dict[int, Standing], dict[int, set[int]]]:
        """Version → what it is to its path; and path → the versions."""
        query = (
            select(
                versions.c.id, versions.c.path_id, versions.c.state, paths.c.judged, paths.c.accepted, paths.c.present
            )
            .join(paths, paths.c.id == versions.c.path_id)
            .where(versions.c.id.in_(among(ids)))
        )
        with self._ledger.reading() as connection:
            rows = list(connection.execute(query))
        at: dict[int, set[int]] = {}
        for row in rows:
            at.setdefault(row.path_id, set()).add(row.id)
        return {row.id: _standing(row) for row in rows}, at


def _standing(row: Any) -> Standing:
    if row.id == row.judged:
        return Standing.SHOWN if row.present else Standing.GONE
    return Standing.LOADED if row.id == row.accepted and row.state in LIVE else Standing.PAST
