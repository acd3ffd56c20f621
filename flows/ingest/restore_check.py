"""Whether a restore would make the cube that is: the ledger that it would make, beside the one that is in use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flows.ingest.former_digests import adopt_former_digests
from flows.ingest.resources import Resources
from flows.landing.mount_thread import MountThread
from flows.model.dataset import Dataset
from flows.model.files import first_names, shown
from flows.store.meaning import copies, let_one_count
from flows.store.rehearsal import Standing, restored_beside, standings
from flows.store.upkeep import horizon_of
from flows.text.plural import counted

SHOWN = 20


def restored_otherwise(dataset: Dataset, resources: Resources, mount: MountThread, directory: Path) -> list[str]:
    """How the cube would differ if the ledger were lost now, and restored; nothing where it would not.

    To be called in the thread that commits. What was unloaded, kept or is a duplicate counts too, though it is not in
    the cube.

    Args:
        dataset: whose cube.
        resources: what the session has open.
        mount: where files are read.
        directory: an empty one for scratch.

    Raises:
        DiskFull: there is no room for another ledger.
    """
    ledger = resources.ledger
    with restored_beside(resources.backups, resources.segments, directory) as restored:
        # As the next start would do:
        adopt_former_digests(dataset, restored.ledger, mount, resources.crashes)
        if dataset.meaning.one_counts:
            let_one_count(restored.ledger, copies(restored.ledger, dataset.name))
        here = standings(ledger, dataset.name, dataset.meaning)
        there = standings(restored.ledger, dataset.name, dataset.meaning)
        words = _words(here, there)
        if horizon_of(ledger, dataset) != horizon_of(restored.ledger, dataset):
            words.append("after a restore the cube would begin with another day, until the next close-day")
        return [*words, *restored.words] if words else []


def _words(here: Mapping[bytes, Standing], there: Mapping[bytes, Standing]) -> list[str]:
    differ = sorted(path for path in here.keys() | there.keys() if here.get(path) != there.get(path))
    if not differ:
        return []
    named = [f"{shown(path)} ({_difference(here.get(path), there.get(path))})" for path in differ]
    return [f"a restore would leave {counted(len(differ), 'file')} otherwise: {first_names(named, SHOWN)}"]


def _difference(here: Standing | None, there: Standing | None) -> str:
    if here is None or there is None or here.state != there.state:
        return f"{here.state if here else 'not known'} here, {there.state if there else 'not known'} there"
    if here.content != there.content or here.segment != there.segment:
        return f"{here.state}, with other rows"
    return f"{here.state}, at another rank" if here.rank != there.rank else f"{here.state}, for another reason"
