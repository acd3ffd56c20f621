"""What is to be known of joined tables, in the words that answers, the command line and reports share."""

from __future__ import annotations

from collections.abc import Iterator

from flows.model.caveats import Caveat, CaveatKind
from flows.model.references import ReferenceState
from flows.text.plural import counted

COMMAND = "cubefeed status"


def reference_caveats(reference: ReferenceState) -> Iterator[Caveat]:
    """What is to be known of an answer that reads a joined table; nothing where all is well."""
    name, of = reference.name, reference.dataset
    why = f": {reference.degraded}" if reference.degraded else ""
    if not reference.ready:
        text = f"it is not complete yet, so that rows show as no {name.rpartition('.')[2]} which may have one{why}"
        yield Caveat(CaveatKind.INCOMPLETE, of, 1, text, COMMAND)
    elif reference.degraded:
        yield Caveat(CaveatKind.DEGRADED, of, 1, f"what it says of {name} may be old{why}", COMMAND)
    if reference.ready and reference.unmatched:
        rows = reference.unmatched
        yield Caveat(CaveatKind.UNMATCHED, of, rows, f"{unmatched_words(rows, name)} in it", COMMAND)


def unmatched_words(rows: int, reference: str) -> str:
    """How many rows have no match."""
    return f"{counted(rows, 'row')} {'has' if rows == 1 else 'have'} no {reference}"
