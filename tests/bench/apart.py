"""Runs a measurement in a fresh process, so that memory and caches are its own.

python -m tests.bench.apart MODULE FUNCTION OUTPUT '{"argument": …}'
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.failures import Failed

ROOT = Path(__file__).resolve().parents[2]
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'flows' / 'api'}",
}
"""Nothing that is measured reports its use to anybody."""
LONGEST_S = 1200.0

Figures = dict[str, Any]


def apart(measurement: Callable[..., Figures], **given: object) -> Figures:
    """Call a module's function in a process of its own. Returns its figures, and `peak_mb`, its memory.

    Raises:
        Failed: it raised, ended in another way, or took too long.
    """
    name = f"{measurement.__module__}.{measurement.__name__}"
    with tempfile.TemporaryDirectory(prefix="cubefeed-bench-") as scratch:
        output = Path(scratch) / "figures.json"
        command = [sys.executable, "-m", __name__, measurement.__module__, measurement.__name__, str(output)]
        process = subprocess.Popen(
            [*command, json.dumps(given, default=str)],
            cwd=scratch,
            env=environment() | {"HOME": scratch},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            printed, _ = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            raise Failed(name, "", cause=f"it took longer than {LONGEST_S:g} s") from None
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            killed = f"signal {-process.returncode} ended it" if process.returncode < 0 else ""
            raise Failed(name, printed, cause=killed)
        return dict(json.loads(output.read_text()))


def environment() -> dict[str, str]:
    """The variables of a user who has set nothing."""
    own = ("PREFECT_", "CUBEFEED_", "DLT_", "POLARS_", "RUNTIME__")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)} | QUIET


def peak_mb() -> float:
    """The most memory that this process has held since its program was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """What runs in the other process."""
    module, function, output, given = sys.argv[1:]
    figures = getattr(importlib.import_module(module), function)(**json.loads(given))
    Path(output).write_text(json.dumps({"peak_mb": peak_mb()} | figures))


if __name__ == "__main__":
    main()
