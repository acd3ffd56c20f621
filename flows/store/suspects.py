"""Files that were in hand when processes died: how often, and what follows from it for each."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flows.model.files import Signature, first_names, shown
from flows.store.atomic_write import write_file
from flows.store.trust import own_text
from flows.text.plural import counted

log = logging.getLogger(__name__)

ALONE_AFTER = 2
"""Deaths in a row after which a file is read alone: one may be anybody's."""
ASIDE_AFTER = 3
"""Deaths after which a file that was alone in hand is set aside."""
MOST = 20_000
"""Files that are suspected at most, those of the last deaths: two batches are in hand at once, of 10,000 files each."""
_FILE_BYTES = MOST * 9_000
"""What a file says of them at most: a path has 4,096 bytes at most, of two digits each."""

SHOWN = 5
"""Files that a message names."""

type Key = tuple[str, bytes]
"""A dataset and a path."""


class HeldFile(NamedTuple):
    """A file in hand: what it was, and how its dataset was declared."""

    dataset: str
    path: bytes
    fingerprint: str
    signature: Signature

    @property
    def key(self) -> Key:
        return self.dataset, self.path


@dataclass(frozen=True)
class Suspect:
    """A file that was in hand at deaths.

    Args:
        held: what it was at the last one.
        deaths: how many there were.
        aside: whether it is not read any more.
    """

    held: HeldFile
    deaths: int
    aside: bool = False

    @property
    def is_read_alone(self) -> bool:
        """Whether nothing else may be in hand while it is read."""
        return self.deaths >= ALONE_AFTER

    @property
    def words(self) -> str:
        """What a person should know of it."""
        last = ", at the last one no other file" if self.aside else ""
        return f"it was being read when the process died, {self.deaths} times{last}"


def after_death(suspects: Mapping[Key, Suspect], held: Sequence[HeldFile]) -> dict[Key, Suspect]:
    """Who is suspected once a process has died with these files in hand.

    What was in hand at one death only is no suspect any more when it was not at the next.
    """
    found = {key: suspect for key, suspect in suspects.items() if suspect.is_read_alone}
    for each in held:
        before = suspects.get(each.key)
        deaths = 1 + (before.deaths if before is not None else 0)
        found.pop(each.key, None)
        found[each.key] = Suspect(each, deaths, aside=len(held) == 1 and deaths >= ASIDE_AFTER)
    return dict(list(found.items())[-MOST:])


def log_death(suspects: Mapping[Key, Suspect], held: Sequence[HeldFile]) -> None:
    """Say that a process has died with these files in hand, and which of them is set aside for it."""
    named = first_names([f"{each.dataset}: {shown(each.path)}" for each in held], SHOWN)
    log.warning("the session before died while it had %s in hand: %s", counted(len(held), "file"), named)
    for each in held if len(held) == 1 else ():
        suspect = suspects[each.key]
        if suspect.aside:
            log.warning("%s: %s is set aside: %s", each.dataset, shown(each.path), suspect.words)


def suspects_in(directory: Path) -> list[Suspect]:
    """Which files sessions have died over, as a state directory says; none where it cannot be read."""
    try:
        found = json.loads(own_text(_suspects_file(directory), _FILE_BYTES))
        return [_parse_suspect(each) for each in found]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def write_suspects(directory: Path, suspects: Iterable[Suspect]) -> None:
    """Remember them in a state directory.

    Raises:
        DiskFull: there is no room; it says what it said before.
        OSError: it cannot be written; likewise.
    """
    text = json.dumps([_as_json(suspect) for suspect in suspects])
    write_file(_suspects_file(directory), text, what="files that a process died over", durable=False)


def parse_held_file(dataset: Any, fingerprint: Any, path: Any, *signature: Any) -> HeldFile:
    """A file in hand, from JSON.

    Raises:
        ValueError, TypeError: it is none.
    """
    return HeldFile(str(dataset), bytes.fromhex(path), str(fingerprint), Signature(*map(int, signature)))


def _suspects_file(directory: Path) -> Path:
    return directory / "suspects.json"


def _as_json(suspect: Suspect) -> dict[str, Any]:
    held = suspect.held
    file = [held.dataset, held.fingerprint, held.path.hex(), *held.signature]
    return {"file": file, "deaths": suspect.deaths, "aside": suspect.aside}


def _parse_suspect(facts: Any) -> Suspect:
    return Suspect(parse_held_file(*facts["file"]), int(facts["deaths"]), facts["aside"] is True)
