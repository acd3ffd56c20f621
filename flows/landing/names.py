"""Which names in a landing directory are files of a dataset."""

from __future__ import annotations

import re
from fnmatch import translate
from unicodedata import normalize

from flows.model.dataset import Dataset

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
    """Which file names are a dataset's: those that match the pattern and are no temporary ones.

    Pattern and name are compared as text in one normal form: which of the two forms a name has on the disk
    depends on the system that wrote it.
    """

    def __init__(self, pattern: str, companions: tuple[str, ...]) -> None:
        self._matches = re.compile(translate(normalize("NFC", pattern))).match
        self._companions = companions or ("\0",)

    def __call__(self, name: str) -> bool:
        """Whether a name is one of them."""
        text = _normal(name)
        return bool(self._matches(text)) and not is_temporary(text) and not name.endswith(self._companions)

    def leaves_out(self, name: str) -> bool:
        """Whether it is the pattern alone that leaves out a name."""
        text = _normal(name)
        return not self._matches(text) and not is_temporary(text) and not name.endswith(self._companions)


def _normal(name: str) -> str:
    return name if name.isascii() else normalize("NFC", name)


def name_filter(dataset: Dataset) -> NameFilter:
    """The names of a dataset's files."""
    return NameFilter(dataset.pattern, dataset.completeness.companions)


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
