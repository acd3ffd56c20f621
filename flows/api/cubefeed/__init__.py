"""Cubefeed keeps an OLAP cube live from the files that land in a directory.

These are the names for who declares datasets; everything else is internal, and may change with any version.
"""

from importlib.metadata import version

from flows.errors import CubefeedError, DeclarationError
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

__all__ = [
    "ByArrival",
    "ByColumn",
    "ByName",
    "Calendar",
    "Cells",
    "Change",
    "Completeness",
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
    "Numbers",
    "Parent",
    "Parquet",
    "Plus",
    "Previous",
    "Rank",
    "Ratio",
    "RejectFile",
    "Running",
    "Share",
    "Skip",
    "SkipRows",
    "Times",
    "Total",
    "Trailer",
    "Unload",
    "Zip",
    "__version__",
]

__version__ = version("cubefeed")
