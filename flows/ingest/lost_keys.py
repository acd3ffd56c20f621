"""Corrections that share no key with what they replace: sound as they are, and perhaps not what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from shlex import quote

import polars as pl

from flows.model.files import shown
from flows.model.lifecycle import VersionFacts
from flows.model.plan import Plan
from flows.model.tables import VERSION, Table
from flows.text.plural import counted

_OLD = "_old"


def warn_of_lost_keys(table: Table, plan: Plan, rows: pl.DataFrame, at_stake: pl.DataFrame) -> None:
    """Give a warning to each version that took the place of rows with which it has no key in common.

    Args:
        table: whose.
        plan: what was decided; the warnings are written into it.
        rows: that the batch brings, with `_version`.
        at_stake: the keys of what leaves and of what takes its place, with `_version`.
    """
    takers = {
        path: (old, taker)
        for path, old in plan.replaced.items()
        if old.content in plan.left and (taker := plan.paths[path].accepted) is not None and taker.live
    }
    if not takers:
        return
    common = _with_a_key_in_common(table, takers, rows, at_stake)
    counts = dict(at_stake[VERSION].value_counts().iter_rows())
    for path, (old, taker) in takers.items():
        before = counts.get(old.content, 0)
        if before and old.content not in common:
            taker = plan.versions.get(taker.id, taker)
            plan.versions[taker.id] = replace(taker, warning=_words(path, before))


def _with_a_key_in_common(
    table: Table, takers: Mapping[bytes, tuple[VersionFacts, VersionFacts]], rows: pl.DataFrame, at_stake: pl.DataFrame
) -> set[int]:
    """The contents that leave of which a key stays: nearly always the first one tells."""
    keys = list(table.keys)
    pairs = pl.DataFrame(
        [(old.content, taker.content) for old, taker in takers.values()],
        schema={_OLD: pl.Int64, VERSION: pl.Int64},
        orient="row",
    )
    after = pl.concat([rows.select(*keys, VERSION), at_stake.select(*keys, VERSION)], how="vertical_relaxed")
    olds = at_stake.filter(pl.col(VERSION).is_in(pairs[_OLD].unique().implode()))
    olds = olds.select(after.columns).cast(after.schema)
    common: set[int] = set()
    for some in (olds.gather(olds[VERSION].arg_unique()), olds):
        left = some.filter(~pl.col(VERSION).is_in(pl.Series(list(common), dtype=pl.Int64).implode()))
        if not left.is_empty():
            taken = left.rename({VERSION: _OLD}).join(pairs, on=_OLD)
            near = after.filter(pl.col(keys[0]).is_in(taken[keys[0]].unique().implode()))
            common |= set(near.join(taken, on=[*keys, VERSION])[_OLD])
    return common


def _words(path: bytes, rows: int) -> str:
    name = shown(path)
    stem, dot, ending = PurePath(name).name.partition(".")
    typed = quote(name)
    return (
        f"it has no key of the {counted(rows, 'row')} that it had before, and those have left the cube. Next: where "
        f"both belong there, give each delivery a name of its own, such as {stem}-2026-01-31{dot}{ending}; where the "
        f"new rows do not, cubefeed unload {typed}, put the file of before back and cubefeed load {typed}"
    )
