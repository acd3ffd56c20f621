"""How files end."""

from __future__ import annotations

from typing import Literal

type End = Literal["text", "parquet", "zip"]
"""What ends a file of a format: the end of its last line, the magic of Parquet, or the directory of a
zip, which workbooks are."""
