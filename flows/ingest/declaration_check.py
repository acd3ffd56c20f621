"""What a declaration would do to what is loaded, said beforehand; nothing is changed by it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.ingest.derivation import derive_contents, overruling
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.runtime.progress import show_progress
from flows.store.accepted_keys import key_change
from flows.store.ledger import Ledger
from flows.store.segments import Segments
from flows.store.upkeep import contents_in


@dataclass(frozen=True)
class Effect:
    """What would become of one file, or of the whole dataset."""

    file: str
    what: str
    first_finding: str = ""


def check_declaration(dataset: Dataset, ledger: Ledger, segments: Segments) -> list[Effect]:
    """The files of which the declaration would refuse what is loaded, and a changed key; none where all is well.

    Raises:
        OSError, polars.exceptions.PolarsError: a segment cannot be read.
    """
    found = []
    if key_change(ledger, dataset) is not None:
        found.append(Effect("", "the key changes: the dataset waits for cubefeed rebuild --accept-keys"))
    known = ledger.segments(dataset.name)
    with segments.reading():
        for id in ledger.live(dataset.name):
            if known[id].fingerprint == dataset.fingerprint:
                continue
            contents = contents_in(ledger, [id])
            made = derive_contents(dataset, segments, known[id], contents)
            for content in contents:
                why = overruling(dataset, content, made.found[content.id])
                if why is not None:
                    first = why.findings[0].words if why.findings else ""
                    found += [Effect(shown(path), f"stale: {why.reason}", first) for path in content.paths]
            show_progress()
    return found
