"""What names of files say: which files are meant, and the day that a file is of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

_DAYS = (
    (r"\d{4}-\d\d-\d\d", "%Y-%m-%d"), (r"\d{4}_\d\d_\d\d", "%Y_%m_%d"), (r"\d\d\.\d\d\.\d{4}", "%d.%m.%Y"),
    (r"\d{8}", "%Y%m%d"),
)  # fmt: skip
_MONTHS = (r"\d{4}-\d\d", r"\d{4}_\d\d", r"\d{6}")
_EDGE = r"(?<!\d){}(?!\d)"
_FEWEST = 3
"""Files from whose times it is told when they come."""
_SPREAD_S = 4 * 3600


@dataclass(frozen=True)
class PathColumn:
    """A column that paths give.

    Args:
        name: of the column.
        pattern: regular expression for all of a path.
        form: of the day; empty where it is a month, which is text.
        files: how many have it.
    """

    name: str
    pattern: str
    form: str
    files: int


def name_pattern(files: Sequence[Path]) -> str:
    """The narrowest simple pattern that takes all names."""
    endings = sorted({_ending(file.name) for file in files})
    if len(endings) == 1:
        return f"*{endings[0]}"
    if len({each.lower() for each in endings}) == 1:
        return "*" + "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in endings[0])
    first = endings[0]
    return f"*{first}*" if first and all(each.startswith(first) for each in endings) else "*"


def find_path_column(paths: Sequence[str], taken: Sequence[str]) -> PathColumn | None:
    """The day, or the month, that all paths have and that differs; None where they have none.

    Args:
        paths: inside the landing directory.
        taken: names of columns that there are already.
    """
    if len(set(paths)) < 2:
        return None
    for digits, form in (*_DAYS, *((month, "") for month in _MONTHS)):
        places = [list(re.finditer(_EDGE.format(digits), path)) for path in paths]
        if not all(len(each) == 1 for each in places) or len({each[0][0] for each in places}) < 2:
            continue
        if form and not all(_is_day(each[0][0], form) for each in places):
            continue
        name = "Day" if form else "Month"
        name = f"File_{name.lower()}" if name in taken else name
        heads = {path[: each[0].start()] for path, each in zip(paths, places, strict=True)}
        tails = {path[each[0].end() :] for path, each in zip(paths, places, strict=True)}
        pattern = f"{_fixed(heads)}(?P<{name}>{digits}){_fixed(tails)}"
        return PathColumn(name, pattern, form, len(paths))
    return None


def arrival_times(modified_s: Iterable[float]) -> tuple[str, str] | None:
    """Between which times of the day files were written; None where they were written at any time, or are few."""
    moments = [datetime.fromtimestamp(each) for each in modified_s]  # noqa: DTZ006 - as people here see them
    seconds = sorted(moment.hour * 3600 + moment.minute * 60 + moment.second for moment in moments)
    if len({moment.date() for moment in moments}) < _FEWEST or seconds[-1] - seconds[0] > _SPREAD_S:
        return None
    first, last = (f"{second // 3600:02d}:{second % 3600 // 60:02d}" for second in (seconds[0], seconds[-1]))
    return first, last


def _ending(name: str) -> str:
    found = re.search(r"((?:\.[A-Za-z]\w{0,8})+)$", name)
    return found[1] if found else ""


def _is_day(text: str, form: str) -> bool:
    try:
        day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day
    except ValueError:
        return False
    return date(1990, 1, 1) <= day < date(2100, 1, 1)


def _fixed(texts: set[str]) -> str:
    return re.escape(next(iter(texts))).replace(r"\-", "-").replace(r"\ ", " ") if len(texts) == 1 else ".*"
