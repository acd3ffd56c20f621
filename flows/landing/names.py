"""Which names in a landing directory are files of a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable
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


def name_filter(dataset: Dataset) -> Callable[[str], bool]:
    """Whether a file name is one of the dataset's: it matches the pattern and is no temporary name.

    Pattern and name are compared as text in one normal form: which of the two forms a name has on the disk
    depends on the system that wrote it.
    """
    matches = re.compile(translate(normalize("NFC", dataset.pattern))).match
    companions = dataset.completeness.companions

    def accepts(name: str) -> bool:
        text = name if name.isascii() else normalize("NFC", name)
        return bool(matches(text)) and not is_temporary(text) and not name.endswith(companions or ("\0",))

    return accepts


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
