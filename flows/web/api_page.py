"""The description of the read API as a page for people, which needs nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from flows.web.headers import policy
from flows.web.templates import page_templates

POLICY_OF_PAGE = policy(style_src="'self'", img_src="'self'")
SHOWN = 60
"""Names of a list that are shown; all of them are in the description for programs."""


def api_page(description: dict[str, Any]) -> str:
    """The page of a description in OpenAPI."""
    return page_templates().get_template("api.html.jinja").render(api=description, range_of=_range)


def _range(schema: dict[str, Any]) -> str:
    """What a parameter may be, in words."""
    several, one = schema["type"] == "array", schema.get("items", schema)
    words = _names(one["enum"]) if "enum" in one else _plain_range(one)
    return f"{words}; may be repeated" if several else words


def _names(names: list[str]) -> str:
    shown = ", ".join(each or "(empty)" for each in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown}, and {len(names) - SHOWN} more"


def _plain_range(schema: dict[str, Any]) -> str:
    if schema["type"] != "integer":
        return "text"
    default = f"; {schema['default']:,} where it is not given" if "default" in schema else ""
    return f"{schema['minimum']:,} to {schema['maximum']:,}{default}"
