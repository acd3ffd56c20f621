"""A start at which `from_path` gives other values: what is loaded is derived anew from the files that lie there."""

from __future__ import annotations

import logging

from flows.model.dataset import Dataset
from flows.model.files import first_names, shown
from flows.store.ledger import Ledger
from flows.store.path_values import is_declared_as_before, look_again, paths_with_other_values
from flows.text.plural import counted

log = logging.getLogger(__name__)

SHOWN = 20


def derive_values_anew(dataset: Dataset, ledger: Ledger) -> None:
    """Where the declaration has changed: have the files be read again whose path gives other values now.

    Until then, and where a file is gone, what was loaded has these values (`ingest/derivation.py`).
    """
    if is_declared_as_before(ledger, dataset.name, dataset.fingerprint):
        return
    found = paths_with_other_values(ledger, dataset.name, dataset.path_values)
    look_again(ledger, found)
    there = [shown(path.path) for path in found if path.present]
    gone = [shown(path.path) for path in found if not path.present]
    if there:
        log.warning(
            "%s: from_path gives %s other values: read again, and loaded with them: %s",
            dataset.name,
            counted(len(there), "path"),
            first_names(there, SHOWN),
        )
    if gone:
        log.warning(
            "%s: from_path gives %s other values whose files are gone: what was loaded of them has these now: %s",
            dataset.name,
            counted(len(gone), "path"),
            first_names(gone, SHOWN),
        )
