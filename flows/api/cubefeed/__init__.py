"""Cubefeed keeps an OLAP cube live from the files that land in a directory.

These are the names for who declares datasets; everything else is internal, and may change with any version.
"""

from importlib.metadata import version

from flows.errors import CubefeedError, DeclarationError
from flows.model.dataset import DailyBy, Dataset, Keep, RejectFile, SkipRows, Unload
from flows.model.formats import Csv

__all__ = [
    "Csv",
    "CubefeedError",
    "DailyBy",
    "Dataset",
    "DeclarationError",
    "Keep",
    "RejectFile",
    "SkipRows",
    "Unload",
    "__version__",
]

__version__ = version("cubefeed")
