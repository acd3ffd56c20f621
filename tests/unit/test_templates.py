"""The templates: whatever is put into one is text, and no template gets round that."""

from __future__ import annotations

import ast
import re

import pytest
from jinja2 import Environment, UndefinedError, nodes

from flows.day_report import html
from flows.web.templates import open_templates, page_templates
from tests.repository import FLOWS

pytestmark = pytest.mark.slow

TEMPLATES = {"flows.web": page_templates(), "flows.day_report": html.report_templates()}
NAMES = [(package, name) for package, templates in TEMPLATES.items() for name in templates.list_templates()]
MARKED_AS_HTML = ["day_report/html.py"]
"""Where Python says that a text is HTML already: of the charts, which matplotlib draws."""


def test_the_templates_are_all_those_in_the_package() -> None:
    files = {str(file.relative_to(FLOWS)) for file in FLOWS.rglob("templates/*")}
    assert files == {f"{package.partition('.')[2]}/templates/{name}" for package, name in NAMES}
    assert {
        str(file.relative_to(FLOWS)) for suffix in ("html", "jinja") for file in FLOWS.rglob(f"*.{suffix}")
    } <= files


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_no_template_puts_in_a_text_unescaped(package: str, name: str) -> None:
    templates = TEMPLATES[package]
    source = _source(templates, name)
    tree = templates.parse(source)
    assert templates.autoescape is True
    assert not list(tree.find_all((nodes.EvalContextModifier, nodes.MarkSafe, nodes.MarkSafeIfAutoescape)))
    assert not {each.name for each in tree.find_all(nodes.Filter)} & {"safe", "xmlattr", "tojson", "forceescape"}
    assert not re.search(r"=\s*\{\{", source), "an attribute without quotes ends at a space of the text in it"


@pytest.mark.parametrize(("package", "name"), [each for each in NAMES if not each[1].endswith(".jinja")])
def test_styles_and_scripts_are_what_their_files_hold(package: str, name: str) -> None:
    templates = TEMPLATES[package]
    assert templates.get_template(name).render() == _source(templates, name)


def test_html_is_made_by_templates_and_by_charts_alone() -> None:
    calls = [
        (str(file.relative_to(FLOWS)), ast.unparse(node.func).rpartition(".")[2])
        for file in FLOWS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    ]
    assert [file for file, name in calls if name == "Markup"] == MARKED_AS_HTML


@pytest.mark.parametrize(
    "template", ["{{ text }}", "{{ text | upper }}", "{% macro m(t) %}{{ t }}{% endmacro %}{{ m(text) }}"]
)
def test_a_value_is_made_plain_and_escaped_once(template: str) -> None:
    assert page_templates().from_string(template).render(text="<B>&\x1b") == "&lt;B&gt;&amp;\\x1b"


def test_a_name_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        page_templates().from_string("{{ nobody }}").render()


def test_a_package_without_templates_is_an_error() -> None:
    with pytest.raises(ValueError, match="templates"):
        open_templates("flows.store")


def _source(templates: Environment, name: str) -> str:
    assert templates.loader is not None
    source, _, _ = templates.loader.get_source(templates, name)
    return source
