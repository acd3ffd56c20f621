"""Where the contents stand that some paths have."""

from __future__ import annotations

from flows.model.lifecycle import Facts
from flows.model.precedence import Precedence, Rank, rank_of


def content_ranks(facts: Facts, precedence: Precedence) -> dict[int, Rank]:
    """Content → the highest rank of the paths that have it, of all that are in the cube."""
    given_up = facts.given_up()
    found: dict[int, Rank] = {}
    for path in facts.paths.values():
        current = path.current
        if current is None or current.content is None:
            continue
        rank = rank_of(precedence, path.path, path.arrival or 0, given_up.get(current.identity))
        found[current.content] = max(found.get(current.content, rank), rank)
    return found
