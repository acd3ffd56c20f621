"""What the runs of an installation get of Prefect's settings, whoever starts them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

RUN_ENVIRONMENT: Final = MappingProxyType(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # s, the shortest; without it a run that was killed stays Running
        "PREFECT_LOGGING_EXTRA_LOGGERS": "flows",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the threads of the session belong to no run
    }
)
