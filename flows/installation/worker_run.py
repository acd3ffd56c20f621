"""One run on a worker: a process that waits for the run's own.

A worker that is stopped kills what it has started, at once and by SIGKILL. That is this process, and the run's own gets
SIGTERM for it, so that a session closes in order.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import Final

from flows.installation import run_engine
from flows.installation.processes import leashed

COMMAND: Final = shlex.join([sys.executable, "-P", "-m", "flows.installation.worker_run"])
PARENT_S = 1.0
"""How often it is seen whether the worker is still there."""


def main() -> int:
    """Run it, hand on what asks it to end, and end as it does, or when the worker has gone.

    Returns:
        its exit code; 1 where the worker has gone.
    """
    worker = os.getppid()
    run = subprocess.Popen(leashed(run_engine.COMMAND, signal.SIGTERM))
    signal.signal(signal.SIGTERM, lambda *_: run.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the worker's terminal reaches the run too
    while os.getppid() == worker:
        try:
            code = run.wait(PARENT_S)
        except subprocess.TimeoutExpired:
            continue
        return code if code >= 0 else 128 - code  # a signal, as shells say it
    return 1


if __name__ == "__main__":
    sys.exit(main())
