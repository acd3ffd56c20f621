"""Of which kind each option of a dataset is.

Authors' files are not type-checked: a class without its brackets, or a word, would mean something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from flows.model.archives import Zip
from flows.model.calendar import DailyBy
from flows.model.calendar_levels import Calendar
from flows.model.completeness import Completeness
from flows.model.declaration import require, require_kind
from flows.model.formats import Format, check_formats
from flows.model.joins import Join
from flows.model.limits import Limits
from flows.model.policies import BadRows, Duplicates, WhenDeleted
from flows.model.precedence import Precedence

KINDS: Mapping[str, tuple[type, ...]] = {
    "archives": (Zip, NoneType),
    "completeness": (Completeness,),
    "bad_rows": get_args(BadRows.__value__),
    "when_deleted": get_args(WhenDeleted.__value__),
    "duplicates": (*get_args(Duplicates.__value__), NoneType),
    "precedence": (*get_args(Precedence.__value__), NoneType),
    "limits": (Limits,),
    "calendar": (Calendar,),
    "joins": (tuple,),
    "hierarchies": (Mapping,),
    "expect": (DailyBy, NoneType),
}
"""Option → what it may be; `format`, and what `joins` and `hierarchies` hold, apart."""


def check_kinds(options: Mapping[str, Any], dataset: type) -> None:
    """Refuse an option of another kind.

    Args:
        options: name → value.
        dataset: the class of datasets, which joins lead to.

    Raises:
        DeclarationError: one is not as declared, with its field and what it may be.
    """
    _check_formats(options["format"], options["pattern"])
    for name, kinds in KINDS.items():
        require_kind(name, options[name], *kinds)
    for join in options["joins"]:
        require_kind("joins", join, Join)
        require_kind("joins.to", join.to, dataset)
        require_kind("joins.on", join.on, Mapping)
    for name, levels in options["hierarchies"].items():
        require(isinstance(levels, tuple | list), f"hierarchies.{name}", 'a tuple: ("Country", "City")', levels)


def _check_formats(declared: object, pattern: str) -> None:
    for form in declared.values() if isinstance(declared, Mapping) else (declared,):
        require_kind("format", form, *get_args(Format.__value__))
    if isinstance(declared, Mapping):
        check_formats(declared)
        require(not pattern, "pattern", "absent: the globs of format say which files it takes", pattern)
