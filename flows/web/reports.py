"""The kept reports of business days, as they lie in the state directory."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from flows.errors import QueryError
from flows.store.reports import Reports
from flows.web.answers import refuse
from flows.web.headers import POLICY, policy

_POLICY = policy(style_src="'unsafe-inline'")
"""A report runs no script and asks for nothing."""


def report_route(reports: Reports, datasets: Collection[str]) -> Route:
    """`/reports/DATASET/DAY.html`; nothing in the address becomes part of a path unchecked."""

    async def endpoint(request: Request) -> Response:
        dataset, day = request.path_params["dataset"], _parsed(request.path_params["day"])
        if dataset not in datasets or day is None or not reports.page(dataset, day).is_file():
            none = QueryError("There is no such report", next_step="make it: cubefeed report --date 2021-05-01")
            return refuse(none, 404)
        headers = {POLICY: _POLICY, "Cache-Control": "no-cache"}
        return FileResponse(reports.page(dataset, day), media_type="text/html", headers=headers)

    return Route("/reports/{dataset}/{day}.html", endpoint, methods=["GET"])


def _parsed(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
