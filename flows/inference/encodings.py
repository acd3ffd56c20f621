"""In which encodings files are text.

UTF-8, UTF-16 and UTF-32 are known by their marks and their own rules. Of any other text the bytes alone say nothing:
each byte is a character in dozens of code pages. So each code page is tried, and the text that looks most like one is
taken: letters stand in words of one script, and capitals begin them.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from flows.inference.evidence import Decision, share
from flows.inference.samples import Sample

CODE_PAGES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859-2", "iso8859-5", "cp850", "cp852", "cp866", "cp437",
    "mac_roman", "koi8_r", "cp932", "gb18030", "euc_kr", "big5",
)  # fmt: skip
"""Those in use, the most frequent ones first: of texts that look equally good the first one is taken."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORD = re.compile(rb"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]*[\x80-\xff][^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]*")
"""Letters and bytes that are no ASCII."""
_WORDS = 2_000
"""Different words that are looked at."""


@dataclass(frozen=True)
class Texts:
    """The samples as text.

    Args:
        encodings: in the order in which a declaration has to try them.
        texts: of each sample, without its mark.
        decisions: what was understood.
    """

    encodings: tuple[str, ...]
    texts: tuple[str, ...]
    decisions: tuple[Decision, ...]


def decode_samples(samples: Sequence[Sample], wanted: str | None) -> Texts:
    """The texts of all samples.

    Args:
        samples: the files.
        wanted: the encoding of those that are neither UTF-8 nor marked.
    """
    own = [_own_encoding(sample.body) for sample in samples]
    others = [sample.body for sample, encoding in zip(samples, own, strict=True) if encoding is None]
    page, words = (wanted, ()) if wanted or not others else _code_page(others)
    used = [encoding or page or "cp1252" for encoding in own]
    order = ["utf-8", "utf-16", "utf-32", page]
    encodings = tuple(each for each in order if each in used)
    texts = [sample.body.decode(each).removeprefix("\ufeff") for sample, each in zip(samples, used, strict=True)]
    return Texts(encodings, tuple(texts), tuple(_decisions(used, page, words, wanted)))


def _decisions(used: Sequence[str], page: str | None, words: Sequence[str], wanted: str | None) -> list[Decision]:
    found = []
    for encoding in dict.fromkeys(used):
        guessed = encoding == page and wanted is None
        uncertain = f"it reads {', '.join(words)}" if guessed else ""
        evidence = f"{share(used.count(encoding), len(used))} files"
        found.append(Decision("encoding", encoding, evidence, uncertain, "--encoding" if guessed else ""))
    return found


def _own_encoding(body: bytes) -> str | None:
    """The encoding that a body says itself; None where it says none."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return encoding
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _code_page(bodies: Sequence[bytes]) -> tuple[str, tuple[str, ...]]:
    """The code page that makes the best text of bodies, and some words as it reads them."""
    words = list(dict.fromkeys(word for body in bodies for word in _WORD.findall(body)))[:_WORDS]
    fitting = [page for page in CODE_PAGES if all(_decodes(body, page) for body in bodies)]
    if not fitting:
        return "latin-1", ()  # in which every byte is a character
    best = min(fitting, key=lambda page: sum(_strangeness(word.decode(page, "replace")) for word in words))
    return best, tuple(word.decode(best, "replace") for word in words[:3])


def _decodes(body: bytes, encoding: str) -> bool:
    try:
        return "\0" not in body.decode(encoding)
    except UnicodeDecodeError:
        return False


def _strangeness(word: str) -> int:
    """How little a word looks like one."""
    return sum(_strange(word, place) for place, char in enumerate(word) if not char.isascii())


def _strange(word: str, place: int) -> int:
    char, before, after = word[place], word[place - 1 : place], word[place + 1 : place + 2]
    beside = [each for each in (before, after) if each.isalpha()]
    match unicodedata.category(char)[0]:
        case "L" if any(_script(each) != _script(char) for each in beside):
            return 20
        case "L" if _script(char) == "HALFWIDTH":
            return 5
        case "L" if char.isupper() and before.islower():
            return 4
        case "L" if _script(char) == "LATIN" and any(not each.isascii() for each in beside):
            return 2
        case "L":
            return 0 if beside else 2
        case "C":
            return 10
        case "S" if unicodedata.category(char) == "Sc":
            return 3 if beside else 0
        case "P" | "S" if char in "’‘§¦":
            return 0
        case _:
            return 5 if beside else 1


def _script(char: str) -> str:
    return "LATIN" if char.isascii() else unicodedata.name(char, "").partition(" ")[0]
