"""A producer that drops one file after the other, and an independent client that sees when each can be queried."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import httpx

DATASETS = """\
import dataframely as dy
from cubefeed import Dataset

class East(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)

class West(East):
    pass

EAST = Dataset(schema=East, landing={east!r})
WEST = Dataset(schema=West, landing={west!r})
"""
"""Two datasets, since windows are counted over all of them."""
HEADER = "ID,Date,Product,Quantity\n"
FIRST_DAY = date(2030, 1, 1)
LOOK_S = 0.03
DAY_FILES = 40
"""A query is asked for the days of the files that are missing, so that its answer stays small."""


@dataclass
class Arrivals:
    """When each file was closed, and when it could first be queried, in seconds of the monotonic clock."""

    closed: dict[int, float] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)

    def delays_s(self, since: float = 0.0, until: float = math.inf) -> list[float]:
        """The delays of the files that were closed in a span of time, in their order; inf for one never seen."""
        return [
            self.seen.get(number, math.inf) - closed
            for number, closed in sorted(self.closed.items())
            if since <= closed < until
        ]


def p99(delays_s: Iterable[float]) -> float:
    """The 99th percentile: at least 99 % are not above it."""
    ordered = sorted(delays_s)
    return ordered[math.ceil(0.99 * len(ordered)) - 1]


class Stream:
    """One file a second into two landing directories in turn, while the block runs.

    Args:
        landings: dataset → its landing directory.
        url: the live process, whose read API is asked.
        first: the number of the first file; files of one number have one key.
        every_s: from file to file.
    """

    def __init__(self, landings: dict[str, Path], url: str, *, first: int = 1, every_s: float = 1.0) -> None:
        self.arrivals = Arrivals()
        self.failures: list[str] = []
        self._landings = landings
        self._url = url
        self._next = first
        self._every_s = every_s
        self._ended = threading.Event()
        self._stopping = threading.Event()
        self._producing = threading.Event()
        self._producing.set()
        self._all_seen = threading.Event()
        self._producer = threading.Thread(target=self._produce, name="producer")
        self._reader = threading.Thread(target=self._look, name="reader")

    def __enter__(self) -> Self:
        self._reader.start()
        self._producer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._stopping.set()
        self._reader.join()

    def pause(self) -> None:
        """Drop nothing until `resume`."""
        self._producing.clear()

    def resume(self) -> None:
        """Go on."""
        self._producing.set()

    def end(self) -> None:
        """Drop no more files."""
        self._ended.set()
        self._producing.set()
        self._producer.join()

    @property
    def missing(self) -> list[int]:
        """The files that could not be queried yet."""
        return sorted(set(self.arrivals.closed) - set(self.arrivals.seen))

    def _produce(self) -> None:
        names = sorted(self._landings)
        due = time.monotonic()
        while True:
            self._producing.wait()
            if self._ended.is_set():
                return
            number, self._next = self._next, self._next + 1
            (self._landings[names[number % len(names)]] / f"{number}.csv").write_text(
                f"{HEADER}{number},{_day(number)},p{number},{number}\n"
            )
            self.arrivals.closed[number] = time.monotonic()
            due = max(due + self._every_s, time.monotonic())
            self._ended.wait(due - time.monotonic())  # the pace of the producer

    def _look(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as client:
            while not self._stopping.wait(LOOK_S):
                days = {(self._dataset(number), _day(number)) for number in self.missing}
                for dataset, day in sorted(days):
                    query = {"dataset": dataset, "measure": "Quantity.SUM", "by": "Product", "where": f"Date={day}"}
                    try:
                        rows = client.get("/api/query", params=query).raise_for_status().json()["rows"]
                    except httpx.HTTPError as error:
                        self.failures.append(f"{type(error).__name__}: {error}")
                        continue
                    now = time.monotonic()
                    for row in rows:
                        with contextlib.suppress(ValueError):
                            self.arrivals.seen.setdefault(int(row["Product"][1:]), now)

    def _dataset(self, number: int) -> str:
        names = sorted(self._landings)
        return names[number % len(names)]


def _day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number // DAY_FILES)).isoformat()
