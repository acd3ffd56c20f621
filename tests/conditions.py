"""Conditions as tests write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.model.conditions import Among


def among(allowed: Mapping[str, Sequence[Any]]) -> tuple[Among, ...]:
    """Level → the values that it may have."""
    return tuple(Among(level, tuple(values)) for level, values in allowed.items())
