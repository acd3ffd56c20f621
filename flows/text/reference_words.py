"""What is to be known of joined tables, in the words that answers, the command line and reports share."""

from __future__ import annotations

from collections.abc import Iterator

from flows.model.references import ReferenceState
from flows.text.plural import counted


def reference_caveats(reference: ReferenceState) -> Iterator[str]:
    """What is to be known of an answer that reads a joined table; nothing where all is well."""
    member = reference.name.rpartition(".")[2]
    why = f": {reference.degraded}" if reference.degraded else ""
    if not reference.ready:
        yield f"{reference.dataset} is not complete yet, so that rows show as no {member} which may have one{why}"
    elif reference.degraded:
        yield f"{reference.dataset} is degraded, so that what it says of {reference.name} may be old{why}"
    if reference.ready and reference.unmatched:
        yield f"{unmatched_words(reference.unmatched, reference.name)} in {reference.dataset}"


def unmatched_words(rows: int, reference: str) -> str:
    """How many rows have no match."""
    return f"{counted(rows, 'row')} {'has' if rows == 1 else 'have'} no {reference}"
