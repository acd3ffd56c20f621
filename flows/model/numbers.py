"""How numbers are written beyond plain digits with a `-` before them and one decimal sign."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from flows.model.declaration import declared_words, require

Percent = Literal["share", "number"]
BLANKS = " \u00a0\u202f"
"""A blank, which does not break in prices: so they are one."""
_SEPARATORS = {".": ".", ",": ",", " ": BLANKS, "'": "'\u2019"}
_IN_NUMBERS = frozenset("".join(_SEPARATORS.values()) + "eE")
"""What a number has between its digits: left out as a currency it would change the value."""


@dataclass(frozen=True, repr=False)
class Numbers:
    """What numbers may have besides. Each cell that has it is counted, and shown with its file.

    Groups of digits have to be of three, and the first of them does not begin with a zero: `1.23,4` and `0.234` are
    findings where `.` marks thousands. What is not declared is
    never taken: a `$` in a column of `currency=("€",)` is a finding.

        Numbers(thousands=".")                          1.234,56 where decimal="," (1234,56 too)
        Numbers(thousands=" ")                          1 234,56 with a blank, a no-break or a narrow no-break one
        Numbers(thousands="'")                          1'234.56, or with a typographic ’
        Numbers(currency=("€", "EUR"))                  12,50 €    EUR 12,50    -€12,50    €-12,50
        Numbers(percent="share")                        12,5 % is 0.125
        Numbers(percent="number")                       12,5 % is 12.5
        Numbers(trailing_minus=True, brackets=True)     12,50- and (12,50) are -12.5
        Numbers(plus=True, minus=("\N{MINUS SIGN}",))              +12 and \N{MINUS SIGN}12

    Args:
        thousands: what stands between groups of three digits: `.`, `,`, a blank or `'`; None where nothing does.
        currency: texts before or behind a number that say its currency.
        percent: whether a number may have a `%` behind it, and what that says: `share` divides it by 100 exactly,
            `number` takes it as it stands. A number without the sign stays what it is.
        brackets: whether a number in `( )` is negative.
        trailing_minus: whether a `-` may stand behind a number instead of before it.
        plus: whether a `+` may stand before it.
        minus: other signs that mean `-`, such as the typographic minus U+2212.
    """

    thousands: str | None = None
    currency: tuple[str, ...] = ()
    percent: Percent | None = None
    brackets: bool = False
    trailing_minus: bool = False
    plus: bool = False
    minus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = self.thousands is None or self.thousands in _SEPARATORS
        require(
            known, "format.numbers.thousands", f"one of {' '.join(map(repr, _SEPARATORS))}, or None", self.thousands
        )
        choices = get_args(Percent)
        percent = self.percent is None or self.percent in choices
        require(percent, "format.numbers.percent", f"one of {', '.join(choices)}, or None", self.percent)
        for name in ("currency", "minus"):
            given = getattr(self, name)
            require(isinstance(given, tuple), f"format.numbers.{name}", 'a tuple such as ("€",)', given)
        for sign in self.currency:
            usable = sign == sign.strip() != "" and not any(_is_mark(char) for char in sign)
            usable &= not set(sign) <= _IN_NUMBERS
            require(usable, "format.numbers.currency", "texts that no number holds, without blanks around them", sign)
        for sign in self.minus:
            usable = len(sign) == 1 and not sign.isalnum() and not sign.isspace() and sign not in "+-.,()%"
            usable &= sign not in (*self.separators, *self.currency)
            require(usable, "format.numbers.minus", "single signs such as \N{MINUS SIGN}, of no other meaning", sign)

    @property
    def separators(self) -> str:
        """All characters that may stand between groups of digits."""
        return "" if self.thousands is None else _SEPARATORS[self.thousands]

    def __repr__(self) -> str:
        return declared_words(self)


def _is_mark(char: str) -> bool:
    """Whether a character may be one of the number itself."""
    return char in "+-()%" or unicodedata.category(char) in ("Nd", "Cc")


PLAIN_NUMBERS = Numbers()
"""Digits, a `-` before them, and one decimal sign."""
