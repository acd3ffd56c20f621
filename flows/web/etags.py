"""Tags of answers, so that who asks again for what has not changed is told just that, without asking the engine."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers
from starlette.responses import Response


def etag(mark: str | None, *parts: object) -> str | None:
    """The tag of an answer; None where the tables change just then.

    Args:
        mark: the state of the tables.
        parts: what else the answer depends on: the question as it is understood, in which days named from today are
            those of today, its form, its caveats.
    """
    if mark is None:
        return None
    return f'"{hashlib.sha256(repr((mark, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def is_known(tag: str | None, headers: Headers) -> bool:
    """Whether who asks has the answer of this tag already."""
    known = {each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")}
    return tag is not None and tag in known


def caching(tag: str | None) -> dict[str, str]:
    """The headers that say how long an answer holds: until the next question, which may name its tag; or not at all."""
    return {"Cache-Control": "no-store"} if tag is None else {"Cache-Control": "private, no-cache", "ETag": tag}


def unchanged(tag: str | None) -> Response:
    """The answer to who has it already."""
    return Response(status_code=304, headers=caching(tag) | {"Vary": "Accept"})
