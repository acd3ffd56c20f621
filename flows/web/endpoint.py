"""An address of the read API: what it takes, what it answers, and what its description says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.datastructures import Headers
from starlette.responses import Response

from flows.cube.bounds import Bounds
from flows.web.parameters import Parameters
from flows.web.source import Source
from flows.web.streams import Stream

type Json = dict[str, Any]
PoolName = Literal["question", "list", "health"]


@dataclass(frozen=True)
class Question[P: Parameters]:
    """One request: what is shown, the parameters, what the answer may take, and the headers."""

    source: Source
    parameters: P
    bounds: Bounds
    headers: Headers = field(default_factory=Headers)


@dataclass(frozen=True)
class Endpoint[P: Parameters]:
    """One address.

    Args:
        path: where it is.
        summary: what it answers, in words.
        parameters: what it takes.
        answer: makes the answer, in a thread.
        schema: the JSON schema of the answer.
        pool: whose threads make it: those for questions to the cube, which may take long; those for lists out of the
            ledger; or that for what watches the session, which waits for neither.
        media_type: of the answer.
        files: media types of the forms in which it may be had besides.
        has_etag: whether its answers have a tag, and one that is known already is 304.
        others: status → what else it may answer, and its JSON schema.
    """

    path: str
    summary: str
    parameters: type[P]
    answer: Callable[[Question[P]], Response | Stream]
    schema: Json
    pool: PoolName = "list"
    media_type: str = "application/json"
    files: tuple[str, ...] = ()
    has_etag: bool = False
    others: Mapping[int, tuple[str, Json]] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it is: what is below `/api` is also below `/api/v1`, to which things are added alone."""
        return (self.path, *([self.path.replace("/api", "/api/v1", 1)] if self.path.startswith("/api/") else []))


def json_object(*texts: str, **others: Json) -> Json:
    """The schema of an object that has these fields: texts, and others of these schemas."""
    properties = {name: {"type": "string"} for name in texts} | others
    return {"type": "object", "required": list(properties), "properties": properties}


def json_array(items: Json) -> Json:
    """The schema of an array."""
    return {"type": "array", "items": items}
