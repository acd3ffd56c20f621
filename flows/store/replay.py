"""What footers say of paths and versions, put together in the order in which they were written.

A footer says that at its time a version, with its place in the fold, was current at a path. A place is given once and
moves only when a path takes over another's version, so it tells what became of a path between two footers:

- the same place again: the path was corrected;
- a place that another path held: this path has taken it over, and what it had before is replaced;
- a place that is new, though the path had one: the path's version went on under a name that no footer knows. It stays
  under a name that no file has, and the directory decides at the next start: it is taken over by a file with its bytes,
  or is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.model.lifecycle import LIVE, State
from flows.store.footer import Footer, VersionRow


@dataclass
class KnownVersion:
    """A version that was accepted.

    Args:
        id: its number.
        path: the number of its path.
        place: its place in the fold.
        state: its state.
        segment: where its rows are.
        facts: what its newest footer says; None where only the backup knows it.
        batch: the batch that brought it.
        detected_utc: when it was found.
        is_new: whether the backup does not have it.
    """

    id: int
    path: int
    place: int
    state: State
    segment: int | None
    facts: VersionRow | None = None
    batch: int | None = None
    detected_utc: str | None = None
    is_new: bool = False
    touched: bool = False

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass
class KnownPath:
    """A path, and the version that it accepted last."""

    id: int
    name: bytes
    place: int | None
    accepted: int | None
    is_new: bool = False
    touched: bool = False


@dataclass
class Replay:
    """The paths and accepted versions of one dataset.

    Args:
        paths: by name.
        versions: by number.
        free_path: the next free number of a path; all datasets share it.
        highest_place: the highest place that was given out so far.
    """

    paths: dict[bytes, KnownPath] = field(default_factory=dict)
    versions: dict[int, KnownVersion] = field(default_factory=dict)
    highest_place: int = 0
    homeless: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._holders = {path.place: path for path in self.paths.values() if path.place is not None}
        self._at: dict[int, list[KnownVersion]] = {}
        for version in self.versions.values():
            self._at.setdefault(version.path, []).append(version)

    def take_in(self, footer: Footer, segment: int, free_path: int) -> int:
        """What a segment says that none before did. Returns the next free number of a path."""
        first_new = footer.first_free[1] if footer.origin == "batch" and footer.first_free else None
        for row in footer.versions:
            known = self.versions.get(row.id)
            if known is not None and not known.live:
                continue
            free_path = self._path(row.path, free_path)
            path = self.paths[row.path]
            if known is None:
                is_new_place = row.place >= first_new if first_new else row.place > self.highest_place
                free_path = self._settle(path, row.place, free_path, is_new_place=is_new_place)
                self._accept(path, row, footer)
            elif known.path != path.id:
                self._move(self._holders[known.place], path)
            self.highest_place = max(self.highest_place, row.place)
            self._point(self.versions[row.id], row, segment)
        if footer.first_free:
            self.highest_place = max(self.highest_place, footer.first_free[1] - 1)
        return free_path

    def _path(self, name: bytes, free: int) -> int:
        if name in self.paths:
            return free
        self.paths[name] = KnownPath(free, name, None, None, is_new=True, touched=True)
        return free + 1

    def _settle(self, path: KnownPath, place: int, free_path: int, *, is_new_place: bool) -> int:
        """Bring a place to a path."""
        holder = self._holders.get(place)
        if holder is path:
            return free_path
        if holder is not None:
            self._move(holder, path)
            return free_path
        if path.place is not None and is_new_place:
            free_path = self._send_away(path, free_path)
        elif path.place is not None:
            self._drop(path)
            del self._holders[path.place]
        path.place = place
        self._holders[place] = path
        return free_path

    def _accept(self, path: KnownPath, row: VersionRow, footer: Footer) -> None:
        self._drop(path)
        version = KnownVersion(
            row.id,
            path.id,
            row.place,
            State.LOADED,
            None,
            batch=row.batch or footer.batch,
            detected_utc=row.detected_utc or footer.detected_utc,
            is_new=True,
        )
        self.versions[row.id] = version
        self._at.setdefault(path.id, []).append(version)
        path.accepted, path.touched = row.id, True

    def _point(self, version: KnownVersion, row: VersionRow, segment: int) -> None:
        version.segment, version.facts, version.touched = segment, row, True

    def _drop(self, path: KnownPath) -> None:
        """The version that a path has is replaced."""
        old = self.versions.get(path.accepted) if path.accepted is not None else None
        if old is not None and old.live:
            old.state, old.touched = State.SUPERSEDED, True

    def _move(self, giver: KnownPath, heir: KnownPath) -> None:
        """A path takes over another's version, place and history."""
        self._drop(heir)
        if heir.place is not None:
            del self._holders[heir.place]
        for version in self._at.pop(giver.id, ()):
            version.path, version.touched = heir.id, True
            self._at.setdefault(heir.id, []).append(version)
        heir.place, heir.accepted = giver.place, giver.accepted
        giver.place = giver.accepted = None
        giver.touched = heir.touched = True
        if heir.place is not None:
            self._holders[heir.place] = heir

    def _send_away(self, path: KnownPath, free_path: int) -> int:
        """A path's version went on under a name that no footer knows."""
        name = path.name + b" (renamed before the ledger was lost, version %d)" % (path.accepted or 0)
        free_path = self._path(name, free_path)
        self._move(path, self.paths[name])
        self.homeless.append(name)
        return free_path
