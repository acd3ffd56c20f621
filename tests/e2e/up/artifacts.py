"""What lands in the installation, and what its artifacts show of it."""

from __future__ import annotations

import json
from typing import Any

HEADER = "ID,Date,Product,Quantity\n"


def rows_of(artifact: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table artifact."""
    return list(json.loads(artifact["data"]))
