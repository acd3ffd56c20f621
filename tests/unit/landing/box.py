"""An inbox over a real directory, on a clock that the test turns."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

from flows.datasets.sales import Sales
from flows.landing.events import Hint
from flows.landing.file_states import ClaimedFiles
from flows.landing.inbox import Inbox
from flows.model.dataset import Dataset
from flows.model.files import Signature

WHOLE, CUT = b"ID\n1\n", b"ID\n1"
SETTLE_S = 1.0


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Box(Inbox):
    """An inbox over a real directory, which does not believe the times of its files."""

    def __init__(self, root: Path, *, recorded: dict[bytes, Signature] | None = None, **options: Any) -> None:
        self.turn = Clock()
        self.directory = root
        super().__init__(
            Dataset(schema=Sales, landing=root, **options),
            recorded or {},
            settle_s=SETTLE_S,
            trusted_age_s=inf,
            clock=self.turn,
        )

    def put(self, name: str, body: bytes = WHOLE, hint: Hint = Hint.UNKNOWN) -> None:
        """Write a file, and hear of it."""
        (self.directory / name).write_bytes(body)
        self.hear(name, hint)

    def hear(self, name: str, hint: Hint = Hint.UNKNOWN) -> None:
        self.check_paths({name.encode(): hint})

    def take(self, *, max_files: int = 100, max_bytes: int = 1 << 20) -> ClaimedFiles:
        return self.claim_ready(self.find_ready(max_files=max_files, max_bytes=max_bytes))

    def taken(self) -> list[str]:
        """The names of the files that are complete now."""
        return [landed.path.decode() for landed in self.take().settled]

    def load(self, *names: str) -> None:
        """Let files be complete, and recorded."""
        for name in names:
            self.put(name)
        self.turn.now += SETTLE_S
        self.record({landed.path: landed.signature for landed in self.take().settled}, ())
        self.rescan()

    def pass_s(self, seconds: float) -> None:
        self.turn.now += seconds
