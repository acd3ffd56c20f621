"""Writing batches into the ledger: staged with everything they replace, then loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from sqlalchemy import insert, update

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
from flows.store.upkeep import dataset_facts


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
        connection.execute(update(datasets).where(datasets.c.name == footer.dataset).values(held=None))
        connection.execute(insert(segments), asdict(segment))
        write_decisions(connection, footer.dataset, footer.decisions, segment=segment.id)
        write_days(connection, days)


def mark_loaded(ledger: Ledger, held: Mapping[str, int]) -> None:
    """Record that every staged batch of these datasets is in the cube.

    Args:
        ledger: where.
        held: dataset → rows in the cube now.
    """
    now, staged = now_utc(), State.STAGED.value
    loaded = {"state": State.LOADED.value, "loaded_utc": now}
    with ledger.writing() as connection:
        for dataset, rows in held.items():
            for table in (versions, batches):
                of_it = (table.c.state == staged) & (table.c.dataset == dataset)
                connection.execute(update(table).where(of_it).values(loaded))
            connection.execute(update(datasets).where(datasets.c.name == dataset).values(held=rows))
