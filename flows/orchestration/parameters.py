"""The parameters of runs: what Prefect's form offers for them, and what a state says of one that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from flows.errors import CubefeedError
from flows.model.day_range import parse_day, parse_moment


def _text_of[T](parse: Callable[[str], T]) -> BeforeValidator:
    """Reads a text as we do everywhere: pydantic takes one such as "0" for seconds since 1970."""

    def read(given: Any) -> Any:
        try:
            return parse(given) if isinstance(given, str) else given
        except CubefeedError as error:
            raise PydanticCustomError("refused", "{why}", {"why": str(error)}) from None

    return BeforeValidator(read)


Day = Annotated[date, _text_of(parse_day)]
"""A business day."""
Moment = Annotated[datetime, _text_of(parse_moment)]
"""A time; one without a zone is meant as the clock of the machine of the run shows it."""
