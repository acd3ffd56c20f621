"""Names for columns and datasets that Python takes."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence

import dataframely as dy

from flows.model.dataset import Dataset
from flows.model.formats import Cells, Csv, Excel, JsonLines, Parquet
from flows.model.header import Header
from flows.model.levels import SOURCE
from flows.model.numbers import Numbers
from flows.model.tables import RESERVED
from flows.model.trailer import Trailer

_WORD = re.compile(r"[^\W_]+")


_IMPORTED = frozenset(
    each.__name__ for each in (Cells, Csv, Dataset, Excel, Header, JsonLines, Numbers, Parquet, Trailer)
)
"""What a dataset file imports."""


def column_names(texts: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """A name for each text of a header: the text itself where it can be one."""
    found: list[str] = []
    for text in texts:
        name = text if _is_name(text) else _made(text)
        while name in (*found, *taken, *(each for each in texts if each != text)):
            name += "_2"
        found.append(name)
    return tuple(found)


def class_name(text: str) -> str:
    """`web shop-2024` → `WebShop2024`."""
    name = "".join(word[:1].upper() + word[1:] for word in _ascii_words(text))
    name = name if name[:1].isalpha() and not keyword.iskeyword(name) else f"Data{name}"
    return f"{name}Rows" if name in _IMPORTED else name


def dataset_name(text: str) -> str:
    """`Web shop 2024` → `web_shop_2024`, as a dataset may be called."""
    name = "_".join(_ascii_words(text)).lower()[:60]
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")


def _ascii_words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", plain)


def _is_name(text: str) -> bool:
    """Whether a class of a schema may have an attribute of that name, and a cube a column."""
    usable = text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("_")
    taken = hasattr(dy.Schema, text) or text in RESERVED or text in ("dy", SOURCE)
    return usable and not taken and unicodedata.normalize("NFKC", text) == text


def _made(text: str) -> str:
    name = "_".join(_WORD.findall(unicodedata.normalize("NFKC", text)))
    name = name if name[:1].isalpha() else f"Column_{name}".rstrip("_")
    return name if _is_name(name) else f"{name}_"


def ending_in(words: str) -> re.Pattern[str]:
    """A pattern for names whose last word is one of these, which stand between bars."""
    return re.compile(rf"(?:^|[\W_]|(?<=[a-zäöü]))({words})\.?$", re.IGNORECASE)
