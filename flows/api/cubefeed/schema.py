"""What can be asked of a session: its datasets, their levels and measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any


@dataclass(frozen=True)
class Name:
    """A level or a measure.

    Args:
        name: what a question calls it.
        type: of its values: string, integer, decimal, date, …
        doc: what it is, in words.
        format: of a measure, how its numbers are written for people.
    """

    name: str
    type: str
    doc: str = ""
    format: str | None = None

    def __str__(self) -> str:
        return self.name


class Names(Mapping[str, Name]):
    """Names by themselves, and as attributes for who types them: `Date.Month` is `.Date_Month`."""

    def __init__(self, names: Mapping[str, Name]) -> None:
        self._names = dict(names)
        self._attributes = {_attribute(name): name for name in self._names}

    def __getitem__(self, name: str) -> Name:
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getattr__(self, name: str) -> str:
        """The name itself, as questions take it."""
        found: dict[str, str] = self.__dict__.get("_attributes", {})  # it is not there while a copy is made
        if name not in found:
            raise AttributeError(f"there is no {name}; there are {', '.join(found)}")
        return found[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._attributes]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._names)

    def __repr__(self) -> str:
        return f"Names({', '.join(self._names)})"

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><td>{escape(each.name)}</td><td>{escape(each.type)}</td><td>{escape(each.doc)}</td></tr>"
            for each in self._names.values()
        )
        return f"<table><tr><th>name</th><th>type</th><th>what it is</th></tr>{''.join(rows)}</table>"


@dataclass(frozen=True)
class DatasetSchema:
    """What can be asked of a dataset.

    Args:
        name: its name.
        levels: by what to group and to filter.
        measures: what to compute.
        hierarchies: name → the levels that it stands for, the widest first.
        columns: column → its type.
        keys: the columns that are the key.
        day: the column that holds the business day; None where no day is expected.
    """

    name: str
    levels: Names
    measures: Names
    hierarchies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    day: str | None = None

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> DatasetSchema:
        """What the session says of a table."""
        levels, measures = (
            Names({name: Name(name, each["type"], each["doc"], each.get("format")) for name, each in of.items()})
            for of in (facts["levels"], facts["measures"])
        )
        hierarchies = {name: tuple(of) for name, of in facts["hierarchies"].items()}
        return cls(
            facts["dataset"], levels, measures, hierarchies, facts["columns"], tuple(facts["keys"]), facts["day"]
        )


class Schema(Mapping[str, DatasetSchema]):
    """The datasets of a session, by name and as attributes."""

    def __init__(self, datasets: Mapping[str, DatasetSchema]) -> None:
        self._datasets = dict(datasets)

    def __getitem__(self, name: str) -> DatasetSchema:
        return self._datasets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def __getattr__(self, name: str) -> DatasetSchema:
        datasets: dict[str, DatasetSchema] = self.__dict__.get("_datasets", {})  # it is not there while a copy is made
        found = {_attribute(each): schema for each, schema in datasets.items()}
        if name not in found:
            raise AttributeError(f"there is no dataset {name}; there are {', '.join(found)}")
        return found[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *map(_attribute, self._datasets)]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._datasets)

    def __repr__(self) -> str:
        return f"Schema({', '.join(self._datasets)})"


def _attribute(name: str) -> str:
    """A name as Python can write it behind a point."""
    written = "".join(char if char.isalnum() else "_" for char in name)
    return f"_{written}" if written[:1].isdigit() else written
