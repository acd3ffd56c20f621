"""The reference of settings and commands, made of their declarations: python -m tests.reference writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer import Context
from typer.main import get_command

from flows.cli.main import app
from flows.settings import variables
from tests.documents import REFERENCE

_SHARED = ("--state", "--format")
"""Options of nearly all commands, which are explained once."""


def settings_table() -> str:
    """The variables, as their declarations have them."""
    rows = [f"| `{each.name}` |{each.default and f' {each.default}'} | {each.meaning} |" for each in variables()]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def commands() -> Iterator[tuple[str, Any]]:
    """Each command's name and what it takes, in the order of `cubefeed --help`."""
    waiting: list[tuple[str, Any]] = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop(0)
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            waiting = [(f"{name} {each}".strip(), found) for each, found in below.items()] + waiting


def commands_text() -> str:
    """The commands, as their `--help` has them."""
    found = dict(commands())
    shared = [each for each in found["files"].params if each.opts[0] in _SHARED]
    known = {each.help for each in shared}
    parts = [_table("option of most commands", found["files"], shared)]
    for name, command in found.items():
        own = [each for each in command.params if each.help not in known]
        usage = " ".join(["cubefeed", name, *command.collect_usage_pieces(Context(command))])
        parts += [f"### {name}", "", f"`{usage}`: {_line(command.help)}", "", _table("takes", command, own)]
    return "\n".join(parts)


def _table(title: str, command: Any, parameters: list[Any]) -> str:
    records = [found for each in parameters if (found := each.get_help_record(Context(command)))]
    rows = [f"| `{_line(term)}` | {_line(meaning)} |" for term, meaning in records]
    return "\n".join([f"| {title} | |", "|---|---|", *rows, ""]) if rows else ""


def _line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|")


def made() -> dict[str, str]:
    """Part → what the declarations say."""
    return {"settings": settings_table(), "commands": commands_text()}


def found(text: str) -> dict[str, str]:
    """Part → what stands between the marks of a text."""
    return {part: _around(text, part)[1] for part in made()}


def _around(text: str, part: str) -> tuple[str, str, str]:
    """A text before, between and behind the marks of a part."""
    begin, end = f"<!-- {part} -->\n", f"<!-- /{part} -->"
    before, _, rest = text.partition(begin)
    between, _, behind = rest.partition(end)
    return before + begin, between, end + behind


if __name__ == "__main__":
    text = REFERENCE.read_text(encoding="utf-8")
    for part, new in made().items():
        before, _, behind = _around(text, part)
        text = before + new + behind
    REFERENCE.write_text(text, encoding="utf-8")
