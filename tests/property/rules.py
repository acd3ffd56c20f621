"""The rules of what a directory means, in plain Python: what the cube must hold after any history of looks.

Written from the rules alone; it shares nothing with the program that it is held against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Row = tuple[int, int]
"""A key and a value."""
Precedence = Literal["arrival", "name", "column"]


class Content(NamedTuple):
    """What a file holds, and whether it passes the checks; of an archive, its members, by their names in it."""

    rows: tuple[Row, ...]
    sound: bool = True
    members: tuple[tuple[str, Content], ...] | None = None

    def fitting(self, rules: Rules) -> Content:
        """The same as it may be under these rules: a key occurs once, unless a column decides or there are none."""
        if self.members is not None:
            return self._replace(members=tuple((name, each.fitting(rules)) for name, each in self.members))
        return self._replace(rows=tuple(dict(self.rows).items())) if rules.keys_are_once else self

    def fits(self, rules: Rules) -> bool:
        """Whether it is so. Rows that are the same count once, whatever the rules are."""
        return not rules.keys_are_once or len(dict(self.rows)) == len(set(self.rows))


class File(NamedTuple):
    """A file as a look sees it: inode, time and size tell a renamed file from a rewritten one."""

    content: Content
    inode: int
    mtime: int
    size: int

    @property
    def mark(self) -> tuple[int, int, int]:
        return self.inode, self.mtime, self.size


class Delivery(NamedTuple):
    """Bytes, and the values that the path gives: what a delivery is apart from its path."""

    content: Content
    values: tuple[str, ...]


@dataclass
class Path:
    """What is known of one path.

    Args:
        arrival: the number of its place, once it was seen settled.
        sound: the last sound delivery that it showed.
        given_up: sound deliveries that it had and gave up for others.
        out: whether somebody unloaded what it shows.
        left: whether its file was deleted and its rows went with it.
        refused: whether what lies there was refused when it was last judged.
        file: what lies there now.
    """

    arrival: int | None = None
    sound: Delivery | None = None
    given_up: set[Delivery] = field(default_factory=set)
    out: bool = False
    left: bool = False
    refused: bool = False
    file: File | None = None

    @property
    def holds(self) -> Delivery | None:
        """What it brings to the cube, if it is not a duplicate."""
        return None if self.out or self.left else self.sound


@dataclass
class Rules:
    """The state of one dataset, and the looks that change it.

    Args:
        keyed: whether its table has keys.
        precedence: which row of a key covers the others.
        count_copies: tables without keys: whether equal deliveries all count.
        unload_deleted: whether the rows of deleted files leave.
        values: the values that a path gives.
    """

    keyed: bool
    precedence: Precedence = "arrival"
    count_copies: bool = False
    unload_deleted: bool = False
    values: Callable[[str], tuple[str, ...]] = lambda _: ()
    paths: dict[str, Path] = field(default_factory=dict)
    arrivals: int = 0
    in_cube: set[Delivery | None] = field(default_factory=set)  # at the last look
    directory: Mapping[str, File] = field(default_factory=dict)  # as it is looked at

    @property
    def keys_are_once(self) -> bool:
        """Whether a file may have a key once only."""
        return self.keyed and self.precedence != "column"

    def redeclare(self, precedence: Precedence, *, count_copies: bool) -> Collection[str]:
        """Deliveries mean something else. Returns the paths that are judged anew: those whose files were refused."""
        self.precedence, self.count_copies = precedence, count_copies
        return [name for name, path in self.paths.items() if path.refused and path.file is not None]

    def passes(self, name: str, content: Content) -> bool:
        """Whether a file is accepted: an archive where all in it is sound, and what is in it with the archive."""
        archive = archive_of(name)
        if archive is not None:
            return self.passes(archive, self.directory[archive].content)
        if content.members is not None:
            return content.sound and all(self._is_sound(f"{name}/{each}", held) for each, held in content.members)
        return self._is_sound(name, content)

    def _is_sound(self, name: str, content: Content) -> bool:
        """Whether a file is sound. One that repeats a key is where a column decides, or it came in when one did."""
        if not content.sound or content.fits(self):
            return content.sound
        return Delivery(content, self.values(name)) in self.in_cube

    def look(self, directory: Mapping[str, File], touched: Sequence[str]) -> None:
        """The directory shows these files now, of which some were written, or came, since the last look."""
        if not directory and self.unload_deleted:
            return  # an empty directory may be one that is not mounted: it is not believed where rows would leave
        self.in_cube = {path.holds for path in self.paths.values()}
        self.directory = directory
        directory, touched = self._with_members(directory, touched)
        known = {name: path.file for name, path in self.paths.items() if path.file is not None}
        gone = [name for name in known if name not in directory]
        in_order = sorted(touched, key=lambda name: (directory[name].mtime, name.encode()))
        renames = self._renames(known, gone, directory, in_order)
        renames = self._along(renames, known, touched) | renames
        self._move(renames, directory)
        for name in in_order:
            self._show(name, directory[name])
        for name in gone:
            self._leave(name, moved=name in renames)

    def _with_members(
        self, directory: Mapping[str, File], touched: Sequence[str]
    ) -> tuple[Mapping[str, File], Sequence[str]]:
        """The directory with what is in its archives. What lay in one that is refused now lies there still."""
        found, shown = dict(directory), list(touched)
        for name, file in directory.items():
            if file.content.members is None:
                continue
            if name in touched and file.content.sound:
                for member, content in file.content.members:
                    path = f"{name}/{member}"
                    found[path] = File(content, hash((file.inode, member)), file.mtime, 0)
                    shown.append(path)
            if name not in touched or not self.passes(name, file.content):
                found |= {
                    path: known.file
                    for path, known in self.paths.items()
                    if archive_of(path) == name and known.file is not None and path not in found
                }
        return found, shown

    def _along(self, renames: Mapping[str, str], known: Mapping[str, File], touched: Sequence[str]) -> dict[str, str]:
        """What lay in an archive that was renamed and is refused goes along with it, unless that shows it."""
        found = {}
        for old, new in renames.items():
            content = self.directory[new].content if new in self.directory else None
            if content is not None and content.members is not None and not self.passes(new, content):
                for path in known:
                    if archive_of(path) == old and (target := new + path.removeprefix(old)) not in touched:
                        found[path] = target
        for path, target in found.items():
            self.paths.setdefault(target, Path()).file = known[path]
        return found

    def load(self, name: str) -> None:
        """Somebody wants what lies at a path in the cube, or in an archive."""
        self.in_cube = set()  # who asks for a file has it checked
        for asked in self._with_its_members(name):
            path = self.paths.get(asked)
            if path is not None and path.file is not None and self.passes(asked, path.file.content):
                for other in self._same(path):
                    other.out = False

    def unload(self, name: str) -> None:
        """Somebody wants it out: the path, in a table without keys the bytes, and what is in an archive."""
        for asked in self._with_its_members(name):
            self._unload(asked)

    def _with_its_members(self, name: str) -> list[str]:
        return [name, *(path for path in self.paths if archive_of(path) == name)]

    def _unload(self, name: str) -> None:
        path = self.paths.get(name)
        if path is None or path.holds is None:
            return
        for other in self._same(path):
            other.out = other.file is not None
            other.left = other.left or other.file is None

    def _same(self, path: Path) -> list[Path]:
        """Whom an unload or a load of a path concerns."""
        if self.keyed or self.count_copies:
            return [path]
        return [other for other in self.paths.values() if other.sound == path.sound]

    def _renames(
        self, known: Mapping[str, File], gone: Sequence[str], directory: Mapping[str, File], touched: Sequence[str]
    ) -> dict[str, str]:
        """Old name → new name: the same file elsewhere, or the bytes of a file that is gone."""
        found: dict[str, str] = {}
        for name in touched:
            now = directory[name]
            same = [o for o, f in known.items() if o != name and f.mark == now.mark and f.content == now.content]
            moved = [old for old in same if old not in found and directory.get(old, None) != known[old]]
            if moved:
                found[moved[0]] = name
        while stay := [old for old in found if old in directory and old not in found.values()]:
            for old in stay:  # it shows a file of its own: it was corrected, and what it had lies elsewhere as a copy
                del found[old]
        for old in sorted(set(gone) - found.keys(), key=lambda name: self.paths[name].arrival or 0):
            delivered = self.paths[old].sound
            heirs = [
                name
                for name in touched
                if name not in found.values() and delivered is not None and directory[name].content == delivered.content
            ]
            if heirs:
                found[old] = heirs[0]
        return found

    def _move(self, renames: Mapping[str, str], directory: Mapping[str, File]) -> None:
        """All at once: each file keeps its delivery, and its place unless the new path had one that it keeps."""
        given = {old: self.paths[old] for old in renames}
        for old in renames:
            self.paths[old] = Path()
        for old, new in renames.items():
            giver, heir = given[old], self.paths.setdefault(new, Path())
            if heir.arrival is None:
                heir.arrival, heir.given_up = giver.arrival, giver.given_up
            elif heir.sound is not None and heir.sound != giver.sound:
                heir.given_up.add(heir.sound)
            heir.sound, heir.out, heir.left = giver.sound, giver.out, giver.left
            if heir.sound is not None and new in directory and self.passes(new, directory[new].content):
                heir.sound = Delivery(heir.sound.content, self.values(new))

    def _show(self, name: str, file: File) -> None:
        path = self.paths.setdefault(name, Path())
        if path.arrival is None:
            self.arrivals += 1
            path.arrival = self.arrivals
        path.file, path.refused = file, not self.passes(name, file.content)
        if path.refused:
            return
        delivery = Delivery(file.content, self.values(name))
        if path.sound is not None and path.sound != delivery:
            path.given_up.add(path.sound)
            path.out = False
        path.given_up.discard(delivery)
        path.left = False
        path.sound = delivery
        path.out = path.out or any(other.out for other in self._same(path))

    def _leave(self, name: str, *, moved: bool) -> None:
        path = self.paths[name]
        path.file = None
        if not moved:
            path.left = path.left or path.out or self.unload_deleted
            path.out = False

    def rank(self, name: str) -> tuple[object, ...]:
        """What orders deliveries: the higher covers the lower."""
        path = self.paths[name]
        if self.precedence != "arrival":
            return natural(name)
        own = path.arrival or 0
        gave_up = [p.arrival for p in self.paths.values() if path.sound in p.given_up and p.arrival is not None]
        return (own, 1, 0) if not gave_up or own <= min(gave_up) else (min(gave_up), 0, own)

    def cube(self) -> list[tuple[int, int, tuple[str, ...]]]:
        """The rows: key, value, and the path's values; in the order of the keys."""
        holding = sorted((name for name in self.paths if self.paths[name].holds is not None), key=self.rank)
        deliveries = [delivery for name in holding if (delivery := self.paths[name].holds) is not None]
        if not self.keyed:
            counted = deliveries if self.count_copies else list(dict.fromkeys(deliveries))
            return sorted((*row, values) for content, values in counted for row in content.rows)
        rows = [(*row, delivery.values) for delivery in deliveries for row in delivery.content.rows]
        if self.precedence == "column":
            rows.sort(key=lambda row: (moment(row[1]) is not None, moment(row[1])))  # those of one moment stay in order
        return sorted({row[0]: row for row in rows}.values())


def moment(value: int) -> int | None:
    """The column that decides where the precedence is that of a column: several values have one."""
    return value // 3 if value else None


def archive_of(path: str) -> str | None:
    """The archive in which a path lies."""
    archive, found, _ = path.partition(".zip/")
    return f"{archive}.zip" if found else None


def natural(path: str) -> tuple[object, ...]:
    """Natural order per component, the extension apart; ties by bytes."""
    return (tuple(_component(part) for part in path.split("/")), path.encode())


def _component(part: str) -> tuple[object, ...]:
    stem, _, extension = part.partition(".")
    runs = re.findall(r"\d+|\D+", stem)
    return (tuple((0, int(run), "") if run.isdigit() else (1, 0, run) for run in runs), extension)
