"""How full the quarantine of a dataset is, and what people are warned of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.model.dataset import Dataset
from flows.model.limits import LEAST_QUARANTINE_DAYS
from flows.store.allowance import ANNOUNCED_DAYS, DAY_S
from flows.store.disk import size
from flows.store.quarantine import Quarantine
from flows.text.plural import counted


def quarantine_facts(dataset: Dataset, quarantine: Quarantine) -> dict[str, Any]:
    """How much the quarantine of a dataset holds, in JSON types; `warning` is None where all is well."""
    kept = list(quarantine.kept(dataset.name).values())
    total = sum(each.size_bytes for each in kept)
    announced = [each.announced_s for each in kept if each.announced_s is not None]
    return {
        "files": len(kept),
        "size_bytes": total,
        "most_bytes": dataset.limits.quarantine_bytes,
        "announced": len(announced),
        "warning": _warning(dataset, quarantine, total, announced),
    }


def _warning(dataset: Dataset, quarantine: Quarantine, total: int, announced: list[float]) -> str | None:
    words, most_bytes = [], dataset.limits.quarantine_bytes
    if total > most_bytes:
        words.append(
            f"the quarantine of {dataset.name} holds {size(total)}, more than {size(most_bytes)}, since "
            f"what lies nowhere else is kept {LEAST_QUARANTINE_DAYS} days: remove what nobody needs, or raise "
            "limits.quarantine_bytes"
        )
    if announced:
        first = datetime.fromtimestamp(min(announced) + ANNOUNCED_DAYS * DAY_S, UTC).date()
        words.append(
            f"what was refused of {counted(len(announced), 'file')} of {dataset.name} lies nowhere else, and goes "
            f"from {first} on: copy it away from {quarantine.directory / dataset.name}, or raise "
            "limits.quarantine_bytes"
        )
    return "; ".join(words) or None
