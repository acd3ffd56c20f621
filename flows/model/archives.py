"""Archives whose members are files of a dataset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from flows.model.declaration import require
from flows.model.file_names import name_matcher

_SLASH = b"/"
_matcher = cache(name_matcher)


@dataclass(frozen=True)
class Zip:
    """Zip archives, in which the files of a dataset are delivered together.

    Each member whose name matches the dataset's `pattern` is a file of the path `export.zip/a.csv`, in whatever
    directory of the archive it lies. One that is refused refuses all of its archive; one that a new version of the
    archive lacks is deleted. Another `pattern` of the dataset is seen of an archive when that changes, or is loaded by
    hand. A name that is an archive's is no directory's: none of such a name is searched.

    Args:
        pattern: glob for the names of the archives (fnmatch rules, case matters).
    """

    pattern: str = "*.zip"

    def __post_init__(self) -> None:
        usable = isinstance(self.pattern, str) and bool(self.pattern) and "/" not in self.pattern  # type: ignore[redundant-expr]  # authors' files are not type-checked
        require(usable, "archives.pattern", "a glob for names of archives, such as *.zip", self.pattern)

    def takes(self, name: str) -> bool:
        """Whether a name is an archive's."""
        return _matcher(self.pattern)(name)

    def above(self, path: bytes) -> bytes | None:
        """The archive in which a path lies; None where it lies in none."""
        end = path.find(_SLASH)
        while end >= 0:
            if self.takes(os.fsdecode(path[path.rfind(_SLASH, 0, end) + 1 : end])):
                return path[:end]
            end = path.find(_SLASH, end + 1)
        return None
