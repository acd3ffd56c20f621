"""Why something could not be measured, in one line."""

from __future__ import annotations

import re

LONGEST = 200
_ABSENT = (
    "xecutable doesn't exist",  # Playwright, of a browser, in more than one sentence
    "No space left on device",
    "disk is full",  # SQLite
)
_MODULE = re.compile(r"ModuleNotFoundError: (?!No module named '(?:flows|tests)\b)")
"""Of somebody else; one of our own that is not there is broken."""
_DIRECTORIES = re.compile(r"(?<![\w.])/(?:[^/\s'\"]+/)+")
_TRACEBACK = "Traceback (most recent call last):\n"


class Failed(RuntimeError):
    """A measurement in another process failed. Its last words are `cause`."""

    def __init__(self, what: str, output: str, *, cause: str = "") -> None:
        super().__init__(f"{what} failed:\n{output[-4_000:]}")
        self.cause = cause or _cause_in(output)


def cause_of(error: BaseException) -> str:
    """The kind of an exception and the first line of its text. Directories are left out, since they say nothing on
    another machine."""
    if isinstance(error, Failed):
        return _short(error.cause)
    text = str(error).strip()
    return _short(f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__)


def is_absent(cause: str) -> bool:
    """Whether a part or room is missing, rather than broken: nothing that is here could have been measured."""
    return bool(_MODULE.search(cause)) or any(words in cause for words in _ABSENT)


def _cause_in(output: str) -> str:
    """The exception of the last traceback, or the last line."""
    _, _, traceback = output.rpartition(_TRACEBACK)
    lines = [line for line in traceback.splitlines() if line.strip()]
    if _TRACEBACK in output:
        lines = [line for line in lines if not line.startswith(" ")][:1] or lines
    return lines[-1].strip() if lines else "no output"


def _short(cause: str) -> str:
    return _DIRECTORIES.sub("…/", cause)[:LONGEST]
