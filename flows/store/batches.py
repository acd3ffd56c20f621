"""Writing batches into the ledger: staged with everything they replace, then loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from sqlalchemy import bindparam, insert, update

from flows.model.business_day import BusinessDay
from flows.model.files import Signature
from flows.model.lifecycle import State
from flows.model.plan import Plan
from flows.runtime.clock import now_utc
from flows.store.batch_decisions import BatchStamp, decide
from flows.store.business_days import write_days
from flows.store.decisions import write_decisions
from flows.store.footer import Footer
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.schema import batches, datasets, segments, versions
from flows.store.statements import OF
from flows.store.upkeep import dataset_facts

_HOLDS = update(datasets).where(datasets.c.name == OF).values(held=bindparam("rows"))
_ADD_SEGMENT = insert(segments)
_BECOME_LOADED = [
    update(table)
    .where(table.c.dataset == OF, table.c.state == State.STAGED.value)
    .values(state=State.LOADED.value, loaded_utc=bindparam("now"))
    for table in (versions, batches)
]


def prepare_batch(
    ledger: Ledger,
    dataset: str,
    fingerprint: str,
    plan: Plan,
    *,
    signatures: Mapping[bytes, Signature],
    detected_utc: str,
) -> Footer:
    """Give a batch its number, and say what it does to the ledger: its segment carries that, and is written first, also
    where it has no rows.

    Args:
        ledger: as it is before the batch.
        dataset: whose batch.
        fingerprint: of the dataset's declaration.
        plan: what the batch does.
        signatures: of the files that it brings.
        detected_utc: when they were found.
    """
    before = ledger.last_batch(dataset)
    number, after = ledger.next_batch()
    now = now_utc()
    decisions = decide(ledger, plan, BatchStamp(number, detected_utc, now), signatures=signatures)
    return Footer(
        dataset,
        fingerprint,
        decisions,
        covers=((before, number),),
        batch=number,
        after=after,
        written_utc=now,
        **dataset_facts(ledger, dataset)._asdict(),
    )


def stage_batch(ledger: Ledger, footer: Footer, segment: SegmentFacts, days: Iterable[BusinessDay] = ()) -> None:
    """Write a batch as staged, with everything that it replaces, in one transaction.

    Args:
        ledger: where.
        footer: of the batch's segment.
        segment: the segment, which is durable.
        days: the business days that it brings.
    """
    with ledger.writing() as connection:
        connection.execute(_HOLDS, {"of": footer.dataset, "rows": None})
        connection.execute(_ADD_SEGMENT, asdict(segment))
        write_decisions(connection, footer.dataset, footer.decisions, segment=segment.id)
        write_days(connection, days)


def mark_loaded(ledger: Ledger, held: Mapping[str, int]) -> None:
    """Record that every staged batch of these datasets is in the cube.

    Args:
        ledger: where.
        held: dataset → rows in the cube now.
    """
    now = now_utc()
    with ledger.writing() as connection:
        for dataset, rows in held.items():
            for statement in _BECOME_LOADED:
                connection.execute(statement, {"of": dataset, "now": now})
            connection.execute(_HOLDS, {"of": dataset, "rows": rows})
