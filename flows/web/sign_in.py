"""The page that asks for the token."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from starlette.responses import Response

from flows.web.headers import POLICY, hashed, policy


def door_page() -> Response:
    """The answer to a browser that is not known (yet): a strict cookie is not sent where a link on another site leads
    here, as those of Prefect do. So its script asks once more first, now from this page itself."""
    page, allowed = _page()
    return Response(page, 401, {"Cache-Control": "no-store", POLICY: allowed}, "text/html")


@cache
def _page() -> tuple[str, str]:
    page = (files("flows.web") / "assets" / "door.html").read_text(encoding="utf-8")
    script, style = (_inside(page, tag) for tag in ("script", "style"))
    allowed = policy(script_src=hashed(script), style_src=hashed(style), connect_src="'self'", img_src="data:")
    return page, allowed


def _inside(page: str, tag: str) -> str:
    found = re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    assert found is not None
    return found[1]
