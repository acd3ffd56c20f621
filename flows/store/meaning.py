"""What a dataset's deliveries meant at the last start: which rows cover others, and whether equal files count."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import func, select, update

from flows.model.lifecycle import LIVE, State
from flows.model.precedence import ByArrival, ByColumn, ByName, Meaning, Precedence
from flows.store.ledger import Ledger
from flows.store.schema import datasets, paths, versions
from flows.store.statements import among, dataset_fact
from flows.store.upkeep import NEVER, judge_refused_anew

_PRECEDENCES: dict[str, Callable[..., Precedence]] = {kind.__name__: kind for kind in (ByArrival, ByName, ByColumn)}


def remembered_meaning(ledger: Ledger, dataset: str) -> Meaning | None:
    """The meaning that was last noted; None where none was."""
    with ledger.reading() as connection:
        text = dataset_fact(connection, datasets.c.meaning, dataset)
    if text is None:
        return None
    facts = json.loads(text)
    precedence = _PRECEDENCES[facts["precedence"]](**facts["options"])
    return Meaning(facts["keyed"], precedence, facts["copies_count"])


def remember_meaning(ledger: Ledger, dataset: str, meaning: Meaning) -> None:
    """Note what the deliveries mean now; what becomes of deleted files is no part of it. Refused files are judged anew,
    since keys may repeat in a file only where a column decides."""
    kind = meaning.precedence
    facts: dict[str, object] = {"keyed": meaning.keyed, "precedence": type(kind).__name__, "options": vars(kind)}
    facts["copies_count"] = meaning.copies_count
    with ledger.writing() as connection:
        noted = dataset_fact(connection, datasets.c.meaning, dataset)
        text = json.dumps({**(json.loads(noted) if noted else {}), **facts})
        connection.execute(update(datasets).where(datasets.c.name == dataset).values(meaning=text))
        judge_refused_anew(connection, dataset)


def note_prepare(ledger: Ledger, dataset: str, *, prepared: bool) -> bool:
    """Remember whether the dataset has a `prepare`, of which its fingerprint says nothing; its meaning is noted before.

    Returns whether it had none at the last start, or has none any more: refused files are then judged anew. Where an
    edition that did not note it was the last one, that is not known, and nothing is done.
    """
    with ledger.writing() as connection:
        facts = json.loads(dataset_fact(connection, datasets.c.meaning, dataset))
        before = facts.get("prepared")
        if before == prepared:
            return False
        text = json.dumps({**facts, "prepared": prepared})
        connection.execute(update(datasets).where(datasets.c.name == dataset).values(meaning=text))
        if before is None:
            return False
        judge_refused_anew(connection, dataset)
    return True


def judged_anew(ledger: Ledger, dataset: str) -> list[bytes]:
    """The files that an earlier edition took for duplicates, or refused for their manifests: they are read again."""
    query = select(paths.c.path).where(paths.c.dataset == dataset, paths.c.present, paths.c.judged.is_(None))
    with ledger.reading() as connection:
        return list(connection.scalars(query.where(paths.c.ctime_ns == NEVER["ctime_ns"]).order_by(paths.c.path)))


class Copy(NamedTuple):
    """A delivery that is in the cube, and whose bytes and values another path has too.

    Args:
        version: its version.
        path: where it lies.
        present: whether it was there when last looked.
        content: the version whose rows it has.
        rows: how many.
        counts: whether they are in the cube for it.
    """

    version: int
    path: bytes
    present: bool
    content: int
    rows: int
    counts: bool


def copies(ledger: Ledger, dataset: str) -> list[list[Copy]]:
    """The deliveries that are equal, each group in the order of arrival."""
    mine = (versions.c.dataset == dataset) & versions.c.state.in_(LIVE) & versions.c.content.is_not(None)
    same = (versions.c.digest, versions.c.path_values)
    several = select(*same).where(mine).group_by(*same).having(func.count() > 1).subquery()
    query = (
        select(
            *same, versions.c.id, paths.c.path, paths.c.present, versions.c.content, versions.c.rows, versions.c.state
        )
        .join(paths, paths.c.id == versions.c.path_id)
        .join(several, (several.c.digest == versions.c.digest) & (several.c.path_values == versions.c.path_values))
        .where(mine)
        .order_by(paths.c.arrival, paths.c.path)
    )
    groups: dict[tuple[bytes, str], list[Copy]] = {}
    with ledger.reading() as connection:
        for digest, values, id, path, present, content, rows, state in connection.execute(query):
            counts = state != State.DUPLICATE.value
            groups.setdefault((digest, values), []).append(Copy(id, path, present, content, rows, counts))
    return list(groups.values())


def beyond_first(group: Sequence[Copy]) -> list[Copy]:
    """Of equal deliveries those that count beside the first that does."""
    return [copy for copy in group if copy.counts][1:]


def waiting_copies(groups: Sequence[Sequence[Copy]]) -> list[Copy]:
    """Those that do not count."""
    return [copy for group in groups for copy in group if not copy.counts]


def let_one_count(ledger: Ledger, groups: Sequence[Sequence[Copy]]) -> list[Copy]:
    """Of equal deliveries the first that counts goes on counting. Returns those that count no more."""
    ended: list[Copy] = []
    with ledger.writing() as connection:
        for group in groups:
            others = beyond_first(group)
            if not others:
                continue
            first = next(copy for copy in group if copy.counts)
            values = {"state": State.DUPLICATE.value, "content": first.content}
            named = versions.c.id.in_(among(copy.version for copy in others))
            connection.execute(update(versions).where(named).values(values))
            ended += others
    return ended


def look_at_duplicates_again(ledger: Ledger, groups: Sequence[Sequence[Copy]]) -> list[Copy]:
    """Have the files be read again that did not count. Returns them, and those whose file is gone, which cannot be."""
    waiting = waiting_copies(groups)
    named = among(copy.version for copy in waiting)
    with ledger.writing() as connection:
        again = paths.c.present & paths.c.accepted.in_(named)
        connection.execute(update(paths).where(again).values(judged=None, **NEVER))
    return waiting
