"""HTML out of templates, in which no text of the data can become markup.

Every value that a template puts in is made plain (`finalize`: what cannot be seen or turns text round is written out)
and escaped (autoescape), whatever the template is called and without a word in it. That holds between tags and in
quoted attributes; a test reads the templates for what would get round it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.errors import plain

if TYPE_CHECKING:
    from jinja2 import Environment


def open_templates(package: str) -> Environment:
    """The templates of a package: the files in its folder `templates`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only now: no start waits for it

    return Environment(
        loader=PackageLoader(package),
        # not select_autoescape: by default it knows no `.html.jinja`, and escapes nothing there
        # https://jinja.palletsprojects.com/en/stable/api/#jinja2.select_autoescape
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def page_templates() -> Environment:
    """Those of the live page."""
    return open_templates("flows.web")


def _plain(value: object) -> object:
    """Text for people; what a macro of a template made is HTML already."""
    return value if isinstance(value, Markup) else plain(value)
