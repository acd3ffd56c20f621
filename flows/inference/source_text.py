"""A declaration as a person would write it: what differs from the defaults, each line with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from flows.model.formats import Cells
from flows.model.header import Header
from flows.model.numbers import Numbers

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WIDTH = 120


@dataclass(frozen=True)
class Argument:
    """An argument of a call in the declaration.

    Args:
        name: of the argument.
        value: as Python writes it.
        why: its reason; empty where it needs none.
    """

    name: str
    value: str
    why: str = ""


@dataclass(frozen=True)
class SchemaColumn:
    """A line of the schema.

    Args:
        name: of the column.
        kind: the class that declares it.
        arguments: what that takes.
        why: its reason.
    """

    name: str
    kind: str
    arguments: str
    why: str


@dataclass(frozen=True)
class FormatText:
    """A format of the declaration.

    Args:
        glob: for the names of its files; empty where all files are of it.
        name: its class.
        arguments: what differs from the defaults.
    """

    glob: str
    name: str
    arguments: Sequence[Argument]


@dataclass(frozen=True)
class Declaration:
    """A dataset file.

    Args:
        about: its docstring.
        schema: the name of the schema.
        constant: the name of the dataset in the file.
        columns: the schema's.
        options: of the dataset, its format apart.
        formats: how its files are written; none where that is the default.
        imports: from `cubefeed`.
        remarks: comments below the options.
    """

    about: str
    schema: str
    constant: str
    columns: Sequence[SchemaColumn]
    options: Sequence[Argument]
    formats: Sequence[FormatText]
    imports: Sequence[str]
    remarks: Sequence[str] = ()


def write_declaration(declared: Declaration) -> str:
    """The text of the file."""
    return "\n".join(_lines(declared)) + "\n"


def _call_text(given: DataclassInstance) -> str:
    """A call that makes a value of a dataclass, with what differs from the defaults."""
    plain, names = type(given)(), [each.name for each in fields(given)]
    chosen = [(each, getattr(given, each)) for each in names if getattr(given, each) != getattr(plain, each)]
    return f"{type(given).__name__}({', '.join(f'{each}={quoted(value)}' for each, value in chosen)})"


def quoted(value: object) -> str:
    """A value as Python and its formatters write it: with double quotes."""
    match value:
        case str():
            return _text(value)
        case tuple():
            inner = ", ".join(map(quoted, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case Header() | Numbers() | Cells():
            return _call_text(value)
        case Mapping():
            return "{" + ", ".join(f"{quoted(key)}: {quoted(each)}" for key, each in value.items()) + "}"
        case _:
            return repr(value)


def raw(pattern: str) -> str:
    """A regular expression as Python writes it."""
    plain = '"' not in pattern and not pattern.endswith("\\") and pattern.isprintable()
    return f'r"{pattern}"' if plain else repr(pattern)


def _text(value: str) -> str:
    written = repr(value)
    if written.startswith("'") and '"' not in value and "\\'" not in written:
        return f'"{written[1:-1]}"'
    return written


def _lines(declared: Declaration) -> Iterator[str]:
    yield from (f'"""{declared.about}"""', "", "import dataframely as dy")
    yield from (f"from cubefeed import {', '.join(sorted(declared.imports))}", "", "")
    yield f"class {declared.schema}(dy.Schema):"
    for column in declared.columns:
        yield from _line("    ", f"{column.name} = dy.{column.kind}({column.arguments})", column.why)
    yield from ("", "", f"{declared.constant} = Dataset(")
    for option in declared.options:
        yield from _line("    ", f"{option.name}={option.value},", option.why)
    yield from _format_lines(declared.formats)
    yield from (f"    # {remark}" for remark in declared.remarks)
    yield ")"


def _format_lines(formats: Sequence[FormatText]) -> Iterator[str]:
    if [each.glob for each in formats] == [""]:
        yield from _call_lines("    ", "format=", formats[0])
    elif formats:
        yield "    format={"
        for each in formats:
            yield from _call_lines("        ", f"{quoted(each.glob)}: ", each)
        yield "    },"


def _call_lines(indent: str, before: str, form: FormatText) -> Iterator[str]:
    if not form.arguments:
        yield f"{indent}{before}{form.name}(),"
        return
    yield f"{indent}{before}{form.name}("
    for option in form.arguments:
        yield from _line(f"{indent}    ", f"{option.name}={option.value},", option.why)
    yield f"{indent}),"


def _line(indent: str, code: str, why: str) -> Iterator[str]:
    """A line with its reason behind it, or above it where both are too long."""
    if why and len(f"{indent}{code}  # {why}") > WIDTH:
        yield f"{indent}# {why}"
        why = ""
    yield f"{indent}{code}  # {why}" if why else f"{indent}{code}"
