"""What is said with answers: how new they are, and what is known to be wrong with what was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from flows.ingest.dataset_state import DatasetState
from flows.ingest.feed import Feed
from flows.ingest.references import References
from flows.ingest.work import Outcome
from flows.model.business_day import DayState
from flows.model.caveats import AnswerContext, AsOf, Caveat, CaveatKind
from flows.model.conditions import Condition
from flows.model.matching import matches
from flows.model.query import Query
from flows.model.tables import Table
from flows.runtime.health import Phase
from flows.store.answer_facts import AnswerFacts, answer_facts
from flows.text.caveat_words import OwnKind, caveat
from flows.text.hindrances import hindrances
from flows.text.reference_words import COMMAND, reference_caveats


class AnswerContexts:
    """Knows what is said with the answers of a session. The ledger is asked once after each piece of work.

    Args:
        feed: at work.
        references: how joined tables stand.
    """

    def __init__(self, feed: Feed, references: References) -> None:
        self._feed = feed
        self._references = references
        self._facts: dict[str, AnswerFacts] = {}
        self._lock = threading.Lock()
        feed.listeners.append(self._forget)

    def of(self, query: Query) -> AnswerContext:
        """What is said with the answer to a query, of the tables that it reads; to be called before the cube is asked.
        Business days whose rows its conditions leave out are not said."""
        table = query.checked(self._feed.cube.model)
        names = table.references_of(query.touched_levels(table), query.measures)
        joined = {table.references[name].name for name in names} - {table.name}
        own = (each for name in (table.name, *sorted(joined)) for each in self._own(name, table, query.where))
        states = self._references.of(table, names, counted=True)
        others = (each for state in states for each in reference_caveats(state))
        facts = [self._facts_of(name) for name in (table.name, *joined) if name in self._feed.datasets]
        as_of = max((each.as_of for each in facts), key=lambda each: each.commit, default=AsOf())
        return AnswerContext(as_of, (*own, *others))

    def _own(self, name: str, asked: Table, where: Sequence[Condition]) -> Iterator[Caveat]:
        """What is to be known of the files and the days of a dataset."""
        state = self._feed.datasets.get(name)
        if state is None:
            return
        facts, inbox = self._facts_of(name), state.monitor.inbox
        why = "; ".join(hindrances(degraded=state.degraded, problem=inbox.problem))
        if why and name == asked.name:  # of a joined one its references say it
            yield Caveat(CaveatKind.DEGRADED, name, 1, why, COMMAND)
        yield from (caveat(kind, name, count) for kind, count in self._counts(state, facts) if count)
        days = facts.days if name != asked.name else _days_asked(asked, facts, where)
        if late := days.get(DayState.LATE):
            yield caveat(CaveatKind.LATE, name, len(late), late)
        if restated := days.get(DayState.RESTATED):
            yield caveat(CaveatKind.RESTATED, name, len(restated), restated)

    def _counts(self, state: DatasetState, facts: AnswerFacts) -> Iterator[tuple[OwnKind, int]]:
        yield CaveatKind.REFUSED, facts.refused
        yield CaveatKind.STALE, facts.stale
        yield CaveatKind.SKIPPED, facts.skipped
        yield CaveatKind.WAITING, len(state.monitor.inbox.list_waiting())
        yield CaveatKind.KEPT, facts.kept
        opening = self._feed.health.phase is not Phase.LIVE
        yield CaveatKind.RESTORED, int(facts.restored and (opening or state.dataset.expect is not None))

    def _facts_of(self, dataset: str) -> AnswerFacts:
        with self._lock:
            if dataset not in self._facts:
                self._facts[dataset] = answer_facts(self._feed.ledger, dataset)
            return self._facts[dataset]

    def _forget(self, outcome: Outcome) -> None:
        """The ledger may say something else of a dataset now. It returns at once, but for a look that is under way."""
        with self._lock:
            self._facts.pop(outcome.dataset, None)


def _days_asked(table: Table, facts: AnswerFacts, where: Sequence[Condition]) -> dict[DayState, list[date]]:
    """Those business days of a table whose rows may meet the conditions."""
    found = {state: list(days) for state, days in facts.days.items()}
    if table.expect is None or not found:
        return found
    column = table.expect.day
    levels = [(each, table.level(each.name)) for each in where]
    met = [matches(each, level.expression, level.type) for each, level in levels if level.is_made_of(column)]
    if not met:
        return found
    schema = {column: table.column(column).type.frame}
    frames = {state: pl.DataFrame({column: days}, schema=schema) for state, days in found.items()}
    return {state: frame.filter(met).get_column(column).to_list() for state, frame in frames.items()}
