"""The sums of limbs (`cube/float_sums.py`) in SQL."""

from __future__ import annotations

from flows.cube.float_sums import COUNT, PLAIN, FloatRange, limb_name, powers


def limb_sums(column: str, found: FloatRange) -> str:
    """The sums of a column's limbs, and how many values it has."""
    sums = (f"{limb_name(i)} := sum({_limb(column, found, i)})" for i in range(len(found.limbs)))
    return f"struct_pack({', '.join([f'{COUNT} := count({column})', *sums])})"


def _limb(column: str, found: FloatRange, index: int) -> str:
    """One limb of a float column: what those before it leave, in whole numbers of its power."""
    rest = column if index == 0 else _below(column, found.limbs[index - 1], found.highest)
    return f"CAST(trunc({_times(rest, -found.limbs[index])}) AS BIGINT)"


def _below(column: str, power: int, highest: int) -> str:
    """What a float has below a power of two. `%` always says it, but takes ten times as long."""
    if highest - power > PLAIN:
        return f"({column} % ({_times('1', power)}))"
    return f"({column} - {_times(f'trunc({_times(column, -power)})', power)})"


def _times(term: str, exponent: int) -> str:
    return " * ".join([term, *(f"CAST('{factor!r}' AS DOUBLE)" for factor in powers(exponent))])
