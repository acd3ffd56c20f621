"""Who owns a state directory, and how the last one ended: what `owner.json` and `ended.json` hold."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flows.errors import RequestFailed
from flows.runtime.clock import now_utc

PID_MAX = 2**31 - 1
"""No system has a greater one."""


@dataclass(frozen=True)
class Owner:
    """Who owns a state directory, as in `owner.json`; `born` tells its process from a later one with its pid. An owner
    that an earlier version has written names no host."""

    pid: int
    engine: str
    url: str | None = None
    prefect_url: str | None = None
    run: str | None = None
    datasets: tuple[str, ...] = ()
    since_utc: str = field(default_factory=now_utc)
    born: str = ""
    host: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its process runs on another host, which has the state directory too, so that none here can be it."""
        return self.host not in ("", this_host()) and not is_alive(self)

    @property
    def process(self) -> str:
        """Its process, as people find it."""
        return f"pid {self.pid}{f' on the host {self.host}' if self.is_elsewhere else ''}"

    def require_served(self, dataset: str) -> None:
        """Refuse a dataset that the session does not have.

        Raises:
            RequestFailed: it names those that it has.
        """
        if dataset not in self.datasets:
            raise RequestFailed.not_served(dataset, self.datasets)


@dataclass(frozen=True)
class End:
    """How the last session ended by itself.

    Args:
        why: in words.
        next_step: what to do about it.
        code: its exit code.
        at_utc: when.
    """

    why: str
    next_step: str
    code: int
    at_utc: str = field(default_factory=now_utc)


def this_host() -> str:
    """What this computer, or this container, is called."""
    return socket.gethostname()


def as_process(owner: Owner) -> Owner:
    """The owner, with what tells its process from all others: those of other hosts, and a later one of the same pid."""
    return replace(owner, born=_born(owner.pid), host=this_host())


def is_alive(owner: Owner) -> bool:
    """Whether the process of an owner is still there, on this host, whatever that is called now."""
    here = bool(owner.born) or owner.host in ("", this_host())
    return here and _is_running(owner.pid) and _born(owner.pid) == owner.born


def parse_owner(facts: Any) -> Owner:
    """An owner from JSON.

    Raises:
        ValueError, TypeError, KeyError: it is none.
    """
    owner = Owner(**{**facts, "datasets": tuple(facts["datasets"])})
    texts = (
        owner.engine,
        owner.born,
        owner.host,
        owner.since_utc,
        *owner.datasets,
        owner.url or "",
        owner.prefect_url or "",
    )
    if not all(isinstance(text, str) for text in texts) or type(owner.pid) is not int or not 0 < owner.pid <= PID_MAX:
        raise ValueError(facts)
    return owner


def _born(pid: int) -> str:
    """When a process began, in ticks of this boot; empty where the system does not say."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except (OSError, IndexError):
        return ""
    return f"{boot}/{after_name.split()[19]}"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
