"""What an author may decide about files that are not as they should be: closed sets, matched exhaustively."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from flows.model.declaration import require


@dataclass(frozen=True)
class RejectFile:
    """One finding refuses the whole file; what was loaded from the path before stays."""


@dataclass(frozen=True)
class SkipRows:
    """Refused rows are left out, up to a share of the file's rows; above it the whole file is refused.

    Args:
        up_to: the largest share of refused rows, from 0 to 1.
    """

    up_to: float

    def __post_init__(self) -> None:
        require(0 <= self.up_to <= 1, "bad_rows", "SkipRows(up_to=…) from 0 to 1", self.up_to)


type BadRows = RejectFile | SkipRows


@dataclass(frozen=True)
class Keep:
    """The rows of a file that is deleted from the directory stay in the cube."""


@dataclass(frozen=True)
class Unload:
    """The rows of a file that is deleted from the directory leave the cube."""


type WhenDeleted = Keep | Unload


def unloads(policy: WhenDeleted) -> bool:
    """Whether the rows of a deleted file leave the cube."""
    match policy:
        case Keep():
            return False
        case Unload():
            return True
        case _:
            assert_never(policy)


@dataclass(frozen=True)
class Skip:
    """Of files with the same bytes and the same values from their paths one counts; the others wait for it to leave."""


@dataclass(frozen=True)
class Load:
    """Every file counts, also where another one has the same bytes."""


type Duplicates = Skip | Load


def counts_copies(policy: Duplicates) -> bool:
    """Whether equal files count each."""
    match policy:
        case Skip():
            return False
        case Load():
            return True
        case _:
            assert_never(policy)
