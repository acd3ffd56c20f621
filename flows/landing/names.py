"""Which names in a landing directory are files of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flows.model.archives import Zip
from flows.model.dataset import Dataset
from flows.model.file_names import in_one_form, name_matcher

is_temporary = re.compile(
    r"[.~#].*|.*[~#]|.*\.("
    r"part|partial|tmp|temp|crdownload|opdownload|download|filepart|gstmp|aria2|swp|swx|bak|writing|inprogress"
    r"|_copying_|!ut|!qb|!sync|sb-[0-9a-f]{8}-\w{6})",
    re.IGNORECASE | re.DOTALL,
).fullmatch
"""Names that copy tools and editors give to unfinished files."""

MAX_DEPTH = 32
"""Directories below each other that are searched: each is opened by way of those above it, and nobody sorts files
deeper. Ten thousand of them are made in a second."""


class NameFilter:
    """Which file names are a dataset's: those that match a pattern of it, or are archives', and are not temporary."""

    def __init__(self, patterns: Iterable[str], companions: tuple[str, ...], archives: Zip | None = None) -> None:
        self._matchers = [name_matcher(each) for each in patterns]
        self._companions = companions or ("\0",)
        self._archives = archives

    def __call__(self, name: str) -> bool:
        """Whether a name is one of them."""
        return self._matches(name) and self._is_whole(name)

    def leaves_out(self, name: str) -> bool:
        """Whether it is the pattern alone that leaves out a name."""
        return not self._matches(name) and self._is_whole(name)

    def is_archive(self, name: str) -> bool:
        """Whether it is an archive's."""
        return self._archives is not None and self._archives.takes(name)

    def _matches(self, name: str) -> bool:
        return any(matches(name) for matches in self._matchers) or self.is_archive(name)

    def _is_whole(self, name: str) -> bool:
        return not is_temporary(in_one_form(name)) and not name.endswith(self._companions)


def name_filter(dataset: Dataset) -> NameFilter:
    """The names of a dataset's files."""
    return NameFilter(dataset.formats, dataset.completeness.companions, dataset.archives)


def member_filter(dataset: Dataset) -> NameFilter:
    """The names of those members of its archives that are its files."""
    return NameFilter(dataset.formats, ())


def is_too_deep(path: bytes) -> bool:
    """Whether a file lies in a directory that is not searched."""
    return path.count(b"/") > MAX_DEPTH


def is_hidden(path: bytes, *, recursive: bool) -> bool:
    """Whether a path lies in a directory that is not searched."""
    *directories, _ = path.split(b"/")
    if not directories:
        return False
    return not recursive or is_too_deep(path) or any(part.startswith(b".") for part in directories)


def strip_companion(dataset: Dataset, path: bytes) -> bytes:
    """The path of the file that a marker or a manifest lies beside; any other path as it is."""
    for suffix in dataset.completeness.companions:
        if path.endswith(suffix.encode()):
            return path[: -len(suffix)]
    return path
