"""The key under which the rows of a dataset are merged. A changed one waits until somebody accepts it, since rows that
were told apart may become one."""

from __future__ import annotations

import json

from sqlalchemy import update

from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.store.ledger import Ledger, live_contents
from flows.store.schema import datasets
from flows.store.statements import dataset_fact

type Keys = dict[str, str]
"""Key column → its type."""


def accept_keys(ledger: Ledger, dataset: Dataset) -> None:
    """From now on the rows of a dataset, which sessions have opened, are merged under the key that it declares."""
    with ledger.writing() as connection:
        keys = json.dumps(_declared(dataset), sort_keys=True)
        connection.execute(update(datasets).where(datasets.c.name == dataset.name).values(merge_keys=keys, held=None))


def require_accepted_keys(ledger: Ledger, dataset: Dataset) -> None:
    """Refuse a key that is another one than before; where nothing is loaded it is accepted.

    Raises:
        DeclarationError: it is another one.
    """
    change = key_change(ledger, dataset)
    if change is not None:
        before, now = change
        raise DeclarationError(
            f"The key of {dataset.name} is not the one under which its rows were merged: rows may become one by it",
            next_step=f"accept that with: cubefeed rebuild --accept-keys --dataset {dataset.name}; or declare it as "
            "before",
            expected=_words(before),
            got=_words(now),
        )
    if _known(ledger, dataset.name) != _declared(dataset):
        accept_keys(ledger, dataset)


def key_change(ledger: Ledger, dataset: Dataset) -> tuple[Keys, Keys] | None:
    """The key of before and the declared one, where they differ and rows are loaded."""
    known, declared = _known(ledger, dataset.name), _declared(dataset)
    if known is None or {_now(dataset, name): kind for name, kind in known.items()} == declared:
        return None
    with ledger.reading() as connection:
        loaded = connection.scalar(live_contents(dataset.name).limit(1)) is not None
    return (known, declared) if loaded else None


def _known(ledger: Ledger, dataset: str) -> Keys | None:
    with ledger.reading() as connection:
        text = dataset_fact(connection, datasets.c.merge_keys, dataset)
    return json.loads(text) if text is not None else None


def _declared(dataset: Dataset) -> Keys:
    columns = dataset.schema.columns()
    return {name: str(columns[name].dtype) for name in dataset.table.keys}


def _now(dataset: Dataset, name: str) -> str:
    return next((key for key in dataset.table.keys if name in (key, *dataset.earlier_names(key))), name)


def _words(keys: Keys) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in keys.items()) or "no key"
