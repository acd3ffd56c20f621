"""How the server answers in JSON, and what an error is there."""

from __future__ import annotations

import json

import orjson
from starlette.responses import Response

from flows.errors import Busy, CubefeedError, Starting
from flows.model.caveats import AnswerContext
from flows.runtime.boundaries import QuestionFailed, SessionFailed

RETRY_AFTER_S = 2
"""When to ask a session again that is starting, or has too many questions."""

AS_OF_HEADER = "Cubefeed-As-Of"
CAVEATS_HEADER = "Cubefeed-Caveats"


def reply(content: object, status: int = 200) -> Response:
    """JSON; it is never kept by a browser, for it may be another in a moment."""
    body = orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


def context_headers(context: AnswerContext) -> dict[str, str]:
    """How new an answer is and what is wrong with it, as JSON in ASCII, whatever the form of the answer; without
    caveats there is no header of them."""
    said = {name: facts for name, facts in context.as_json().items() if facts}
    names = {"as_of": AS_OF_HEADER, "caveats": CAVEATS_HEADER}
    return {names[name]: json.dumps(facts, separators=(",", ":")) for name, facts in said.items()}


def refuse(error: CubefeedError, status: int) -> Response:
    """An error as JSON."""
    answer = reply(error_fields(error), status)
    if isinstance(error, Starting | Busy):
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def error_fields(error: CubefeedError) -> dict[str, object]:
    """What happened, what to do, and where."""
    return {"error": error.what, "next": error.next_step, **error.where}


def internal_error(failed: QuestionFailed | SessionFailed) -> CubefeedError:
    """What is said of a failure that nobody who asks can do something about."""
    return CubefeedError(
        f"There is no answer, because an error came up ({failed})",
        next_step="see the log of the live process, which has the traceback",
    )
