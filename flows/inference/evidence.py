"""What was understood of samples, from how much of them, and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.model.numbers import Percent


@dataclass(frozen=True)
class Decision:
    """Something that was understood.

    Args:
        what: what it is about, such as `delimiter` or a column's name.
        value: what it is.
        evidence: from how many values, lines or files.
        uncertain: why it may be otherwise; empty where the samples leave no doubt.
        flag: the option that decides it otherwise.
    """

    what: str
    value: str
    evidence: str
    uncertain: str = ""
    flag: str = ""


@dataclass(frozen=True)
class Reading:
    """One way to read what the samples leave open.

    Args:
        value: as the option takes it.
        example: what a text from the samples means then.
    """

    value: str
    example: str


@dataclass(frozen=True)
class Question:
    """Something that the samples do not decide, so that somebody has to.

    Args:
        what: what it is about.
        readings: the ways in which all of the samples can be read.
        flag: the option that chooses.
    """

    what: str
    readings: Sequence[Reading]
    flag: str


@dataclass(frozen=True)
class Wishes:
    """What somebody has decided beforehand.

    Args:
        name: of the dataset.
        keys: the columns of the key; none leaves it to the samples.
        keyless: whether there shall be no key.
        dates: whether the day or the month comes first, where both can be.
        decimal: the decimal sign.
        delimiter: the text between fields.
        encoding: the encoding of files that are not UTF-8.
        percent: what a percent sign says.
        sheet: of workbooks that show several.
    """

    name: str = ""
    keys: tuple[str, ...] = ()
    keyless: bool = False
    dates: str | None = None
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    percent: Percent | None = None
    sheet: str | None = None


def share(part: int, whole: int) -> str:
    """`4,812 of 4,812`."""
    return f"{part:,} of {whole:,}"
