"""The invariant of the design, in plain Python: what the cube must hold after any history of a directory."""

from __future__ import annotations

from dataclasses import dataclass, field

Content = tuple[tuple[int, int], ...]
"""The rows of a file: (key, value). A negative value breaks a rule, so the file is refused."""


@dataclass
class Path:
    """What the model knows of one path; `judged` is what the bytes seen last are, and when they were judged."""

    place: int | None = None
    accepted: Content | None = None
    out: str | None = None
    judged: tuple[str, Content, int] | None = None
    history: set[Content] = field(default_factory=set)

    @property
    def live(self) -> bool:
        return self.accepted is not None and self.out is None


@dataclass
class Model:
    """Folds a history. `seen` is the directory as last looked at."""

    unload_deleted: bool
    paths: dict[str, Path] = field(default_factory=dict)
    seen: dict[str, Content] = field(default_factory=dict)
    places: int = 0
    judgements: int = 0

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

    def look(self, directory: dict[str, Content], touched: list[str], asked: dict[str, str] | None = None) -> None:
        """The directory shows these files now; the touched ones were written, in this order.

        `asked` are paths that somebody asked for: load, force or reload.
        """
        if not directory and self.unload_deleted:
            return  # an empty directory may be an unmounted one: nothing is unloaded for it
        asked = asked or {}
        gone = [name for name in self.seen if name not in directory]
        for name in dict.fromkeys([*asked, *touched]):
            self._observe(name, directory[name], directory, asked.get(name, "arrival"))
        self.seen = dict(directory)
        for name in gone:
            self._leave(name)

    def unload(self, name: str) -> None:
        if name in self.paths and self.paths[name].live:
            self.paths[name].out = "request"

    def _observe(self, name: str, content: Content, directory: dict[str, Content], how: str) -> None:
        path = self.paths.setdefault(name, Path())
        if how == "force":
            self._accept(path, content)
        elif path.live and path.accepted == content:
            self._judge(path, "accepted", content)
        elif path.out == "request" and path.judged and path.judged[:2] == ("accepted", content) and how != "load":
            pass
        elif content in path.history or not self._copied(name, path, content, directory):
            self._accept(path, content)

    def _copied(self, name: str, path: Path, content: Content, directory: dict[str, Content]) -> bool:
        """Take over from a path that is gone, or stay a copy of one that is there."""
        holders = [other for other in self.paths if other != name and content in self.paths[other].history]
        for other in sorted(holders, key=lambda other: self.paths[other].place or 0):
            giver = self.paths[other]
            if other not in directory and giver.accepted == content:
                giver.out = None if giver.out == "deleted" else giver.out
                self._inherit(path, giver)
                return True
        if holders and (path.judged is None or path.judged[:2] != ("copy", content)):
            self._judge(path, "copy", content)
        return bool(holders)

    def _accept(self, path: Path, content: Content) -> None:
        if any(value < 0 for _, value in content):
            self._judge(path, "refused", content)
            return
        if path.place is None:
            self.places += 1
            path.place = self.places
        path.accepted, path.out = content, None
        path.history.add(content)
        self._judge(path, "accepted", content)

    def _leave(self, name: str) -> None:
        path = self.paths[name]
        if path.accepted is None:
            return
        copies = [
            (other.judged[2], other)
            for at, other in self.paths.items()
            if at in self.seen and other.judged and other.judged[:2] == ("copy", path.accepted)
        ]
        if copies:
            self._inherit(min(copies, key=lambda copy: copy[0])[1], path)
        elif self.unload_deleted and path.live:
            path.out = "deleted"

    def _inherit(self, heir: Path, giver: Path) -> None:
        heir.place, heir.accepted, heir.out = giver.place, giver.accepted, giver.out
        heir.history |= giver.history
        self._judge(heir, "accepted", heir.accepted or ())
        giver.place, giver.accepted, giver.out, giver.judged, giver.history = None, None, None, None, set()

    def _judge(self, path: Path, as_what: str, content: Content) -> None:
        self.judgements += 1
        path.judged = (as_what, content, self.judgements)
