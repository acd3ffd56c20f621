"""The datasets of this installation, one file each, and how a dataset is found by name."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cubefeed

from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.permissions import weakness_of
from flows.settings import Settings

RESOLVE_S = 2.0
"""How long a landing directory may take to say where it is."""


def load_datasets(settings: Settings) -> tuple[Dataset, ...]:
    """The datasets that the settings name, checked against each other and the state directory.

    Raises:
        DeclarationError: a dataset is not found, is declared wrongly, or stands in another's way.
    """
    found = [find_dataset(name.strip()) for name in settings.datasets.split(",") if name.strip()]
    if settings.landing is not None:
        if len(found) != 1:
            raise DeclarationError(
                "--landing fits one dataset only",
                next_step="name one dataset, or leave --landing out",
                got=settings.datasets,
            )
        found = [replace(found[0], landing=settings.landing)]
    _check_apart(found, settings.state)
    _check_joined(found)
    return tuple(found)


def find_dataset(name: str) -> Dataset:
    """The dataset called `name` in this package, or the one that `path/to/file.py:NAME` names."""
    if ".py:" in name:
        file, _, attribute = name.rpartition(":")
        declared = {each: value for each, value in vars(_import_file(Path(file))).items() if isinstance(value, Dataset)}
        if attribute in declared:
            return declared[attribute]
        others = [f"{file}:{each}" for each in declared]
        raise DeclarationError(
            "There is no dataset of that name in the file",
            next_step=f"name {' or '.join(others)}" if others else f"write {attribute} = Dataset(…) in it",
            got=attribute,
            file=file,
        )
    if name.endswith(".py"):
        raise DeclarationError(
            "A file is named without the dataset that it declares",
            next_step=f"write {name}:NAME, where the file has NAME = Dataset(…)",
            got=name,
        )
    known = _declared_here()
    if name not in known:
        raise DeclarationError(
            "There is no dataset of that name",
            next_step=f"name one of {', '.join(sorted(known))}, or path/to/file.py:NAME",
            got=name,
        )
    return known[name]


def _declared_here() -> dict[str, Dataset]:
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    declared = [value for module in modules for value in vars(module).values() if isinstance(value, Dataset)]
    return {dataset.name: dataset for dataset in declared}


def _import_file(file: Path) -> ModuleType:
    code = _source_of(file)
    module = ModuleType(f"cubefeed_dataset_{file.stem}")
    module.__file__ = str(file.resolve())
    try:
        with boundary(Scope.DATASET):  # an author's file may raise anything
            tree = ast.parse(code, module.__file__)
            _refuse_internals(tree, file)
            exec(compile(tree, module.__file__, "exec", dont_inherit=True), vars(module))
    except DatasetFailed as failed:
        if isinstance(failed.cause, DeclarationError):
            raise failed.cause from None
        raise DeclarationError(
            f"The dataset file fails: {failed}", next_step="mend it and start again", file=file
        ) from failed.cause
    return module


def _refuse_internals(tree: ast.Module, file: Path) -> None:
    """Where names come from inside `flows` is nobody else's business, and changes; the datasets there may be used."""
    for line, module, names in _imports(tree):
        if f"{module}.".startswith("flows.") and not f"{module}.".startswith(f"{__name__}."):
            public = [name for name in names if name in cubefeed.__all__]
            raise DeclarationError(
                f"The dataset file imports {module}, which is internal and changes",
                next_step=f"write `from cubefeed import {', '.join(public) or 'Dataset, Csv'}` instead",
                file=file,
                line=line,
            )


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    """The line, the module and the names of each import."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=modules):
                yield from ((node.lineno, module.name, []) for module in modules)
            case ast.ImportFrom(module=str(module), names=names):
                yield node.lineno, module, [name.name for name in names]


def _source_of(file: Path) -> bytes:
    """What a dataset file holds. It is code that runs as this user: nobody else may write it, nor put another in its
    place; and nothing that was compiled earlier and lies beside it is taken for it."""
    try:
        weakness = weakness_of(file)
        if weakness is not None:
            copy = "copy it to a directory that nobody else may write, and name that one"
            raise DeclarationError(
                f"The dataset file is code, and {weakness.what}",
                next_step=f"look through it, then {f'type: {weakness.fix}' if weakness.fix else copy}",
                file=file,
            )
        return file.read_bytes()
    except OSError as error:
        raise DeclarationError(
            f"The dataset file cannot be read ({error.strerror})",
            next_step="check the path after --dataset",
            file=file,
        ) from error


def _real(directory: Path) -> Path:
    """The directory without links; as it is written where its mount does not answer, which degrades that dataset
    later."""
    found = [directory.absolute()]
    asking = threading.Thread(target=lambda: found.append(directory.resolve()), name="resolve", daemon=True)
    asking.start()
    asking.join(RESOLVE_S)
    return found[-1]


def _check_joined(datasets: list[Dataset]) -> None:
    """Refuse joins to what is not loaded here, or is declared otherwise here."""
    tables = [dataset.table for dataset in datasets]
    for dataset in datasets:
        for join in (join for join in dataset.table.joins if join.table not in tables):
            raise DeclarationError(
                f"{dataset.name} is joined to a dataset that is not loaded here as it is declared there",
                next_step=f"name {join.table.name} too, beside {dataset.name} (--dataset, CUBEFEED_DATASETS)",
                got=", ".join(each.name for each in datasets),
            )


def _check_apart(datasets: list[Dataset], state: Path) -> None:
    names = [dataset.name for dataset in datasets]
    for dataset in datasets:
        if names.count(dataset.name) > 1:
            raise DeclarationError("Two datasets have one name", next_step="give one of them name=…", got=dataset.name)
        landing, kept = _real(dataset.directory), state.resolve()
        if landing == kept or kept in landing.parents or landing in kept.parents:
            raise DeclarationError(
                f"The landing directory of {dataset.name} and the state directory (segments, quarantine) overlap",
                next_step="set landing, or --state, to a directory of its own",
                landing=landing,
                state=kept,
            )
        for other in datasets:
            shared = other is not dataset and other.formats.keys() & dataset.formats.keys()
            if shared and _real(other.directory) == landing:
                raise DeclarationError(
                    "Two datasets take the same files",
                    next_step="give one of them another landing directory or pattern",
                    got=f"{dataset.name}, {other.name}",
                )
