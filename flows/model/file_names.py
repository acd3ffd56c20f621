"""Names of files as patterns take them."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from unicodedata import normalize


def in_one_form(name: str) -> str:
    """A name as it is compared: which of the two forms of a letter with marks it has on a disk depends on the system
    that wrote it."""
    return name if name.isascii() else normalize("NFC", name)


def name_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name matches a glob (fnmatch rules, case matters)."""
    matches = re.compile(translate(in_one_form(pattern))).match
    return lambda name: matches(in_one_form(name)) is not None
