"""Cubefeed keeps an OLAP cube live from the files that land in a directory.

These are the names for who declares datasets, and `connect` for who asks a live cube; everything else is internal, and
may change with any version. Each name is imported when it is first used, so that who asks a cube waits for nothing that
declarations need.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cubefeed.connection import Connection, connect
    from flows.errors import (
        CubefeedError,
        DeclarationError,
        NotRunning,
        QueryError,
        RequestFailed,
        Starting,
        TooSlow,
    )
    from flows.model.archives import Zip
    from flows.model.calculated import (
        Change,
        Difference,
        Growth,
        Parent,
        Plus,
        Previous,
        Rank,
        Ratio,
        Running,
        Share,
        Times,
        Total,
    )
    from flows.model.calendar import DailyBy
    from flows.model.calendar_levels import Calendar
    from flows.model.completeness import Completeness
    from flows.model.dataset import Dataset
    from flows.model.derived import Derived
    from flows.model.formats import Cells, Csv, Excel, JsonLines, Parquet
    from flows.model.header import Header
    from flows.model.joins import Join
    from flows.model.limits import Limits
    from flows.model.numbers import Numbers
    from flows.model.policies import Keep, Load, RejectFile, Skip, SkipRows, Unload
    from flows.model.precedence import ByArrival, ByColumn, ByName
    from flows.model.trailer import Trailer

_MODULES = {
    "cubefeed.connection": ("Connection", "connect"),
    "flows.errors": (
        "CubefeedError", "DeclarationError", "NotRunning", "QueryError", "RequestFailed", "Starting", "TooSlow",
    ),
    "flows.model.archives": ("Zip",),
    "flows.model.calculated": (
        "Change", "Difference", "Growth", "Parent", "Plus", "Previous", "Rank", "Ratio", "Running", "Share", "Times",
        "Total",
    ),
    "flows.model.calendar": ("DailyBy",),
    "flows.model.calendar_levels": ("Calendar",),
    "flows.model.completeness": ("Completeness",),
    "flows.model.dataset": ("Dataset",),
    "flows.model.derived": ("Derived",),
    "flows.model.formats": ("Cells", "Csv", "Excel", "JsonLines", "Parquet"),
    "flows.model.header": ("Header",),
    "flows.model.joins": ("Join",),
    "flows.model.limits": ("Limits",),
    "flows.model.numbers": ("Numbers",),
    "flows.model.policies": ("Keep", "Load", "RejectFile", "Skip", "SkipRows", "Unload"),
    "flows.model.precedence": ("ByArrival", "ByColumn", "ByName"),
    "flows.model.trailer": ("Trailer",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ByArrival",
    "ByColumn",
    "ByName",
    "Calendar",
    "Cells",
    "Change",
    "Completeness",
    "Connection",
    "Csv",
    "CubefeedError",
    "DailyBy",
    "Dataset",
    "DeclarationError",
    "Derived",
    "Difference",
    "Excel",
    "Growth",
    "Header",
    "Join",
    "JsonLines",
    "Keep",
    "Limits",
    "Load",
    "NotRunning",
    "Numbers",
    "Parent",
    "Parquet",
    "Plus",
    "Previous",
    "QueryError",
    "Rank",
    "Ratio",
    "RejectFile",
    "RequestFailed",
    "Running",
    "Share",
    "Skip",
    "SkipRows",
    "Starting",
    "Times",
    "TooSlow",
    "Total",
    "Trailer",
    "Unload",
    "Zip",
    "__version__",
    "connect",
]

__version__ = version("cubefeed")


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
