"""What commands print below an answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from flows.errors import plain


def show_context(answer: Mapping[str, Any]) -> None:
    """Say in one line how new an answer is, and what is known to be wrong with it."""
    from flows.model.caveats import AnswerContext
    from flows.text.caveat_words import context_line

    context = AnswerContext.from_json({"as_of": answer["as_of"], "caveats": answer["caveats"]})
    sys.stderr.write(f"{plain(context_line(context))}\n")
