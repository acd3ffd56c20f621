"""The steps of a question on plain lists of groups, with Python's sort."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.property.plain_cube import PlainCube, Where, aggregated, meets

FOLDABLE = ("SUM", "COUNT", "MIN", "MAX")
"""What the groups that a top leaves out have together."""


@dataclass(frozen=True)
class Asked:
    """A question: conditions, and how they are written; sorted by name, descending; the top groups, per a level."""

    measures: tuple[str, ...]
    by: tuple[str, ...]
    where: Where = ()
    where_texts: tuple[str, ...] = ()
    having: Where = ()
    having_texts: tuple[str, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    top: tuple[int, str | None] | None = None
    others: bool = False
    totals: bool = False
    limit: int | None = None
    offset: int = 0

    @property
    def order(self) -> tuple[tuple[str, bool], ...]:
        return self.sort or (((self.measures[0], True),) if self.top else ())

    @property
    def partition(self) -> tuple[str, ...]:
        return self.by[: self.by.index(self.top[1]) + 1] if self.top and self.top[1] is not None else ()


@dataclass(frozen=True)
class Group:
    """A row of an answer: how many levels it fixes, whether it is of the others, its levels and measures."""

    depth: int
    others: bool
    values: dict[str, Any]


def answer(cube: PlainCube, asked: Asked) -> tuple[list[Group], int]:
    """The rows of a page, and how many there are in all."""
    full = len(asked.by)
    found = [each for each in _groups(cube, asked) if each.depth < full or meets(each.values, asked.having)]
    shown = _ordered(found, asked)
    if asked.top is not None:
        shown = _ordered(_top(cube, asked, shown, asked.top[0]), asked)
    end = None if asked.limit is None else asked.offset + asked.limit
    return shown[asked.offset : end], len(shown)


def _groups(cube: PlainCube, asked: Asked) -> Iterable[Group]:
    full = len(asked.by)
    needed = {*asked.measures, *(each.name for each in asked.having), *(name for name, _ in asked.sort)} - {*asked.by}
    for depth in range(full + 1) if asked.totals else (full,):
        for key in cube.groups(depth, asked.where) if full else [{}]:
            absent = dict.fromkeys(asked.by)
            measured = {name: cube.value(name, key, asked.where) for name in needed}
            yield Group(depth, others=False, values={**absent, **key, **measured})


def _top(cube: PlainCube, asked: Asked, ordered: list[Group], most: int) -> Iterable[Group]:
    full = len(asked.by)
    yield from (each for each in ordered if each.depth < full)
    groups = [each for each in ordered if each.depth == full]
    parts = dict.fromkeys(tuple(each.values[name] for name in asked.partition) for each in groups)
    for part in parts:
        mine = [each for each in groups if tuple(each.values[name] for name in asked.partition) == part]
        yield from mine[:most]
        if mine[most:] and asked.others:
            keys = [{name: each.values[name] for name in asked.by} for each in mine[most:]]
            rows = [row for key in keys for row in cube.members(key, asked.where)]
            fixed = dict.fromkeys(asked.by) | dict(zip(asked.partition, part, strict=True))
            names = groups[0].values.keys() - set(asked.by)
            folded = {name: aggregated(name, rows) if _is_foldable(name) else None for name in names}
            yield Group(full, others=True, values={**fixed, **folded})


def _is_foldable(name: str) -> bool:
    return name.rpartition(".")[2] in FOLDABLE


def _ordered(groups: Iterable[Group], asked: Asked) -> list[Group]:
    """By the levels, then, more important, by what is asked, then whether they are others, then by their part, and by
    how many levels they fix. Without a value a level is the least, and a measure comes last both ways."""
    down = dict(asked.order)
    found = list(groups)
    for name in reversed(asked.by):
        found = _by(found, _of(name))
    for name, descending in reversed(asked.order):
        found = _by(found, _of(name), descending=descending, nulls_last=name not in asked.by or descending)
    found = _by(found, lambda each: each.others)
    for name in reversed(asked.partition):
        found = _by(found, _of(name), descending=down.get(name, False), nulls_last=down.get(name, False))
    return _by(found, lambda each: each.depth) if asked.totals else found


def _of(name: str) -> Callable[[Group], Any]:
    return lambda each: each.values[name]


def _by(
    groups: list[Group], value: Callable[[Group], Any], *, descending: bool = False, nulls_last: bool = False
) -> list[Group]:
    absent = [each for each in groups if value(each) is None]
    present = sorted((each for each in groups if value(each) is not None), key=value, reverse=descending)
    return [*present, *absent] if nulls_last else [*absent, *present]
