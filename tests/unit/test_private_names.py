"""A name that begins with an underscore is its module's own: no other module imports it, nor reaches for it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.repository import ROOT

pytestmark = pytest.mark.slow

CODE = ("flows", "deployments", "tests")
Names = ast.Import | ast.ImportFrom | ast.Attribute
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


def names_in(code: str) -> list[Names]:
    """The parts of a module in which it can use what is another one's own."""
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, Names)]


def private_imports(names: list[Names]) -> Iterator[tuple[int, str]]:
    """Line and name of what a module imports of what is another one's own."""
    for node, path in imports_in(names):
        if is_private(path):
            yield node.lineno, path


def private_attributes(names: list[Names]) -> Iterator[tuple[int, str]]:
    """Line and name of what a module reaches for in what it has imported."""
    modules = {path.rpartition(".")[2] for _, path in imports_in(names)}
    for node in names:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules and is_private(attribute):
                if attribute not in OF_NAMED_TUPLES:
                    yield node.lineno, f"{name}.{attribute}"


def imports_in(names: list[Names]) -> Iterator[tuple[ast.stmt, str]]:
    """Each import of something of this repository, with its whole name."""
    for node in names:
        match node:
            case ast.ImportFrom(module=str(module)):
                found = [f"{module}.{each.name}" for each in node.names]
            case ast.Import():
                found = [each.name for each in node.names]
            case _:
                continue
        yield from ((node, path) for path in found if path.partition(".")[0] in CODE)


def is_private(path: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in path.split("."))


@pytest.fixture(scope="module")
def modules() -> dict[str, list[Names]]:
    """All modules, by their path in the repository."""
    files = sorted(file for folder in CODE for file in (ROOT / folder).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): names_in(file.read_text(encoding="utf-8")) for file in files}


def places(modules: dict[str, list[Names]], find: Callable[[list[Names]], Iterable[tuple[int, str]]]) -> list[str]:
    return [f"{file}:{line}: {name}" for file, names in modules.items() for line, name in find(names)]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from flows.web.hub import _refresh", ["flows.web.hub._refresh"]),
        ("from flows.web.hub import _refresh as refresh", ["flows.web.hub._refresh"]),
        ("from flows.web._hub import Hub", ["flows.web._hub.Hub"]),
        ("import flows._web", ["flows._web"]),
        ("from flows.web import hub\nhub._refresh()", ["hub._refresh"]),
        ("from flows.web.hub import Hub\nself._hub = Hub", []),
        ("from flows import __version__", []),
        ("from flows.model.files import Signature\nSignature._fields", []),
    ],
)
def test_what_is_another_modules_own_is_seen(code: str, found: list[str]) -> None:
    names = names_in(code)
    assert [name for _, name in (*private_imports(names), *private_attributes(names))] == found


def test_no_module_imports_what_is_another_ones_own(modules: dict[str, list[Names]]) -> None:
    assert places(modules, private_imports) == []


def test_nothing_that_ships_reaches_for_what_is_another_modules_own(modules: dict[str, list[Names]]) -> None:
    """Tests do, to make something fail inside."""
    shipped = {file: names for file, names in modules.items() if not file.startswith("tests/")}
    assert places(shipped, private_attributes) == []


def test_nobody_imports_the_public_names_from_where_they_lie(modules: dict[str, list[Names]]) -> None:
    """It would be the package `cubefeed` a second time."""

    def inside(names: list[Names]) -> Iterator[tuple[int, str]]:
        return ((node.lineno, path) for node, path in imports_in(names) if f"{path}.".startswith("flows.api."))

    assert places(modules, inside) == []
