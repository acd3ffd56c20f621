"""The invariant of the design, in plain Python: what the cube must hold after any history of a directory."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Content = tuple[tuple[int, int], ...]
"""The rows of a file: (key, value). A negative value breaks a rule, so the file is refused."""


@dataclass
class Path:
    """What the model knows of one path; `judged` is what the bytes seen last are, and when they were judged."""

    place: int | None = None
    accepted: Content | None = None
    out: str | None = None
    judged: tuple[str, Content, int] | None = None
    unloaded_at: int = 0
    history: set[Content] = field(default_factory=set)

    @property
    def live(self) -> bool:
        return self.accepted is not None and self.out is None


@dataclass
class Model:
    """Folds a history.

    Args:
        unload_deleted: whether the rows of deleted files leave.
        seen: the directory as last looked at.
        footers: what is written of each version that is accepted: its path, its place, its content.
        replaced: paths whose version was replaced by another path's, both places, and how many footers there were.
    """

    unload_deleted: bool
    paths: dict[str, Path] = field(default_factory=dict)
    seen: dict[str, Content] = field(default_factory=dict)
    places: int = 0
    judgements: int = 0
    footers: list[tuple[str, int, Content]] = field(default_factory=list)
    replaced: list[tuple[str, int, int, int]] = field(default_factory=list)

    def fold(self) -> dict[int, int]:
        """Per key the row of the current version with the highest place."""
        cube: dict[int, int] = {}
        for path in sorted(self.current(), key=lambda path: path.place or 0):
            cube.update(path.accepted or ())
        return cube

    def rows(self) -> list[tuple[int, int]]:
        """All rows of the current versions."""
        return sorted(row for path in self.current() for row in path.accepted or ())

    def current(self) -> list[Path]:
        return [path for path in self.paths.values() if path.live]

    def look(self, directory: dict[str, Content], touched: list[str], requested: dict[str, str] | None = None) -> None:
        """The directory shows these files now; the touched ones were written, in this order.

        `requested` are paths that somebody asked for: load, force or reload.
        """
        if not directory and self.unload_deleted:
            return  # an empty directory may be an unmounted one: nothing is unloaded for it
        requested = requested or {}
        gone = [name for name in self.seen if name not in directory]
        for name in dict.fromkeys([*requested, *touched]):
            self._observe(name, directory[name], directory, requested.get(name, "arrival"))
        self.seen = dict(directory)
        for name in gone:
            self._leave(name)

    def unload(self, name: str) -> None:
        if name in self.paths and self.paths[name].live:
            self._unload(self.paths[name], "request")

    def _observe(self, name: str, content: Content, directory: dict[str, Content], how: str) -> None:
        path = self.paths.setdefault(name, Path())
        if how == "force":
            self._accept(name, content)
        elif path.live and path.accepted == content:
            if how == "reload":
                self.footers.append((name, path.place or 0, content))
            self._judge(path, "accepted", content)
        elif path.out == "request" and path.judged and path.judged[:2] == ("accepted", content) and how != "load":
            pass
        elif content in path.history or not self._copied(name, path, content, directory):
            self._accept(name, content)

    def _copied(self, name: str, path: Path, content: Content, directory: dict[str, Content]) -> bool:
        """Take over from a path that is gone, or stay a copy of one that is there."""
        holders = [other for other in self.paths if other != name and content in self.paths[other].history]
        for other in sorted(holders, key=lambda other: self.paths[other].place or 0):
            giver = self.paths[other]
            if other not in directory and giver.accepted == content:
                if giver.out == "deleted":
                    giver.out = None
                    self.footers.append((name, giver.place or 0, content))
                self._inherit(name, giver)
                return True
        if holders and (path.judged is None or path.judged[:2] != ("copy", content)):
            self._judge(path, "copy", content)
        return bool(holders)

    def _accept(self, name: str, content: Content) -> None:
        path = self.paths[name]
        if any(value < 0 for _, value in content):
            self._judge(path, "refused", content)
            return
        if path.place is None:
            self.places += 1
            path.place = self.places
        self.footers.append((name, path.place, content))
        path.accepted, path.out = content, None
        path.history.add(content)
        self._judge(path, "accepted", content)

    def _leave(self, name: str) -> None:
        path = self.paths[name]
        if path.accepted is None:
            return
        copies = [
            (other.judged[2], at)
            for at, other in self.paths.items()
            if at in self.seen and other.judged and other.judged[:2] == ("copy", path.accepted)
        ]
        if copies:
            self._inherit(min(copies, key=lambda copy: copy[0])[1], path)
        elif self.unload_deleted and path.live:
            self._unload(path, "deleted")

    def _unload(self, path: Path, why: str) -> None:
        self.judgements += 1
        path.out, path.unloaded_at = why, self.judgements

    def _inherit(self, name: str, giver: Path) -> None:
        heir = self.paths[name]
        if heir.place is not None:
            self.replaced.append((name, heir.place, giver.place or 0, len(self.footers)))
        heir.unloaded_at = giver.unloaded_at
        heir.place, heir.accepted, heir.out = giver.place, giver.accepted, giver.out
        heir.history |= giver.history
        self._judge(heir, "accepted", heir.accepted or ())
        giver.place, giver.accepted, giver.out, giver.judged, giver.history = None, None, None, None, set()

    def _judge(self, path: Path, as_what: str, content: Content) -> None:
        self.judgements += 1
        path.judged = (as_what, content, self.judgements)

    def restored(self, backup: Model | None) -> Model:
        """What a restore makes of the footers that were written since a backup, before the directory is looked at."""
        model = deepcopy(backup) if backup is not None else Model(self.unload_deleted)
        model.places, model.judgements = self.places, self.judgements
        for name, place, content in self.footers[len(model.footers) :]:
            model._replay(name, place, content)
        model.footers = list(self.footers)
        return model

    def _replay(self, name: str, place: int, content: Content) -> None:
        path = self.paths.setdefault(name, Path())
        holder = next((at for at, other in self.paths.items() if other.place == place), None)
        if holder is not None and holder != name:
            self._inherit(name, self.paths[holder])
            self.seen.setdefault(holder, ())
        elif holder is None and path.place is not None:  # it went on under another name
            away = f"{name} {path.place}"
            self.paths[away] = Path()
            self._inherit(away, path)
            self.seen[away] = ()
        path.place, path.accepted, path.out = place, content, None
        path.history.add(content)
        self.seen[name] = ()
        self._judge(path, "accepted", content)

    def facts(self) -> dict[str, Any]:
        """All that decides what the cube will hold after any further history."""
        copies: dict[Content, list[tuple[int, str]]] = {}
        for name, path in self.paths.items():
            if name in self.seen and path.judged and path.judged[0] == "copy":
                copies.setdefault(path.judged[1], []).append((path.judged[2], name))
        placed = {name: path for name, path in self.paths.items() if path.place is not None}
        return {
            "paths": {name: (p.place, p.accepted, p.out, frozenset(p.history)) for name, p in placed.items()},
            "copies": {content: [name for _, name in sorted(found)] for content, found in copies.items()},
        }

    def undecidable(self, backup: Model | None, directory: dict[str, Content]) -> set[str]:
        """Which of the EXCEPTIONS hold for what came after a backup."""
        since, judged = (len(backup.footers), backup.judgements) if backup is not None else (0, 0)
        found = set()
        recorded = {path.place: name for name, path in backup.paths.items() if path.place} if backup else {}
        recorded |= {place: name for name, place, _ in self.footers[since:]}
        for name, path in self.paths.items():
            if path.out == "request" and path.unloaded_at > judged:
                found.add("unloaded")
            if path.out == "deleted" and path.unloaded_at > judged and name in directory:
                found.add("deleted and refused")
            moved = path.place is not None and recorded.get(path.place) != name
            if moved and directory.get(name) != path.accepted:
                found.add("renamed and gone")
            if path.place is not None and moved and recorded.get(path.place) in directory:
                found.add("renamed in a chain")
        footers = [(name, place) for name, place, _ in self.footers]
        for name, place, giver, at in self.replaced:
            if at >= since and ((name, giver) not in footers[at:] or recorded.get(place, name) != name):
                found.add("replaced and gone")
        if not directory:
            found.add("emptied")
        return found


EXCEPTIONS = {
    "unloaded": "a person unloaded it, and the backup that this makes was lost too: no segment says so",
    "renamed and gone": "it was renamed, and its new name was gone or showed something else before the loss",
    "renamed in a chain": "it was renamed, and another file that was renamed has its old name: one look sees both now",
    "replaced and gone": "a file was renamed over it, and that one was gone, elsewhere or changed before the loss",
    "deleted and refused": "its file was deleted, and what lies at its path since was refused: that looks like stale",
    "emptied": "the directory is empty: that is never believed, so it decides nothing",
    "copies": "which of several waiting copies was seen first",
}
"""What only a journal of decisions could tell after a loss."""
