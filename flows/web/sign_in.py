"""The page that asks for the token."""

from __future__ import annotations

from functools import cache

from starlette.responses import Response

from flows.web.headers import POLICY, hashed, policy
from flows.web.templates import page_templates


def sign_in_page() -> Response:
    """The answer to a browser that is not known (yet): a strict cookie is not sent where a link on another site leads
    here, as those of Prefect do. So its script asks once more first, now from this page itself.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#samesitesamesite-value
    """
    page, allowed = _page()
    return Response(page, 401, {"Cache-Control": "no-store", POLICY: allowed}, "text/html")


@cache
def _page() -> tuple[str, str]:
    page, script, style = (
        page_templates().get_template(name).render() for name in ("sign_in.html.jinja", "sign_in.js", "sign_in.css")
    )
    allowed = policy(script_src=hashed(script), style_src=hashed(style), connect_src="'self'", img_src="data:")
    return page, allowed
