"""Public holidays by country, from the library `holidays`, which is imported where a dataset names a country alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

from flows.model.declaration import require, wrong

NAMED = 3
"""Names that a refusal offers."""


def require_country(country: str | None, subdivision: str | None) -> None:
    """Refuse a country, or a part of one, that the library does not know.

    Raises:
        DeclarationError: it names the nearest ones.
    """
    if country is None:
        require(subdivision is None, "expect.country", "the country of the subdivision", country)
        return
    from holidays import list_supported_countries

    known = list_supported_countries(include_aliases=False)
    if country not in known:
        raise wrong("expect.country", f"a country's code such as {_nearest_countries(country, known)}", country)
    parts = known[country]
    if subdivision is not None and subdivision not in parts:
        nearest = get_close_matches(str(subdivision), parts, NAMED) or sorted(parts)[:NAMED]
        expected = f"a part of {country} such as {', '.join(nearest)}" if nearest else f"None: {country} has no parts"
        raise wrong("expect.subdivision", expected, subdivision)


@lru_cache(maxsize=1024)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of a year. Asked for a whole year at a time: the library's own growing calendar is for one
    thread."""
    from holidays import country_holidays

    return frozenset(country_holidays(country, subdiv=subdivision, years=year, expand=False))


def _nearest_countries(country: object, known: Iterable[str]) -> str:
    """The codes that are nearest to what was written, be it a code or a country's name."""
    from holidays.registry import COUNTRIES

    text = str(country).lower().replace("_", " ")
    codes = {code.lower(): code for code in known}
    codes |= {name.lower(): names[1] for names in COUNTRIES.values() for name in names[1:3]}
    codes |= {module.replace("_", " "): names[1] for module, names in COUNTRIES.items()}
    return ", ".join(dict.fromkeys(codes[name] for name in get_close_matches(text, codes, NAMED))) or "FR, DE, US"
