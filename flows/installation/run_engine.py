"""Prefect's engine, the process of one run: `python -P -m flows.installation.run_engine` in place of `prefect.engine`.

That puts the working directory first among the places from which it imports a flow, so that a `flows/` which lies there
would be imported in the place of ours. Here ours is imported before.
"""

from __future__ import annotations

import runpy
import sys
from typing import Final

COMMAND: Final = (sys.executable, "-P", "-m", "flows.installation.run_engine")

if __name__ == "__main__":
    runpy.run_module("prefect.engine", run_name="__main__")
