"""Reads crafted files under a limit of memory, in a process of its own, run with the kind and what the limit leaves."""

from __future__ import annotations

import gzip
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dataframely as dy
import pyarrow as pa

from flows.ingest.file_checks import check_files
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.formats import Csv
from flows.model.lifecycle import Identity
from flows.model.policies import SkipRows
from flows.reading.file_reader import FileContent
from flows.validation.cost import memory_bytes


class One(dy.Schema):
    A = dy.Integer(nullable=True)


class Pair(dy.Schema):
    A = dy.String(nullable=True)
    B = dy.String(nullable=True)


class Sales(dy.Schema):
    ID = dy.Integer(primary_key=True)
    Day = dy.Date()
    Product = dy.String()
    Quantity = dy.Float64()


WIDE: type[dy.Schema] = type("Wide", (dy.Schema,), {f"C{number}": dy.Integer(nullable=True) for number in range(100)})
SKIP = SkipRows(up_to=1.0)
ONE = Dataset(schema=One, landing=".", bad_rows=SKIP)
PAIRS = Dataset(schema=Pair, landing=".", bad_rows=SKIP)
MULTILINE = replace(PAIRS, format=Csv(multiline=True))
SALES = Dataset(schema=Sales, landing=".", bad_rows=SKIP)
WIDES = Dataset(schema=WIDE, landing=".", bad_rows=SKIP)
HEADER = {ONE: b"A\n", PAIRS: b"A,B\n", MULTILINE: b"A,B\n", SALES: b"ID,Day,Product,Quantity\n"}
HEADER[WIDES] = ",".join(WIDE.columns()).encode() + b"\n"

ROWS: dict[str, tuple[Dataset, bytes]] = {
    "digits": (ONE, b"1\n"),
    "letters": (ONE, b"x\n"),
    "pairs": (PAIRS, b"1,2\n"),
    "no text": (PAIRS, b",\n"),
    "blank": (PAIRS, b"\n"),
    "carriage returns": (PAIRS, b"\r\n"),
    "ragged": (PAIRS, b"1\n"),
    "quotes": (PAIRS, b'"\n'),
    "quoted": (PAIRS, b'"a","b"\n'),
    "headers": (PAIRS, b"A,B\n"),
    "long cells": (PAIRS, b"a," + b"x" * 3_000 + b"\n"),
    "line ends in quotes": (MULTILINE, b'"\n\n",\n'),
    "only line ends in quotes": (MULTILINE, b'"\n\n\n"\n'),
    "unreadable": (SALES, b"a,b,,d\n"),
    "the same key": (SALES, b"1,2021-05-01,,1\n"),
    "the same row": (SALES, b"1,2021-05-01,a,1\n"),
    "wide": (WIDES, b",".join([b"1"] * 100) + b"\n"),
    "wide and empty": (WIDES, b"," * 99 + b"\n"),
    "wide and unreadable": (WIDES, b",".join([b"x"] * 100) + b"\n"),
}


def whole(name: str, size: int) -> tuple[Dataset, bytes]:
    """A file of about so many bytes."""
    if name in ROWS:
        dataset, row = ROWS[name]
        return dataset, HEADER[dataset] + row * (size // len(row))
    bodies: dict[str, Callable[[], bytes]] = {
        "one cell": lambda: b"A,B\na," + b"x" * size + b"\n",
        "one quoted cell": lambda: b'A,B\na,"' + b"x" * size + b'"\n',
        "NUL": lambda: b"A,B\n" + bytes(size),
    }
    return PAIRS, bodies[name]()


NAMES = (*ROWS, "one cell", "one quoted cell", "NUL")
BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda body: pa.compress(body, codec="zstd", asbytes=True),
}
SMALL_BYTES, STEPS = 200_000, 24


def main(kind: str, left_bytes: int) -> None:
    """Print the size of the last file of this kind that was read, and of the first that was refused."""
    make = BOMBS.get(kind)
    for name in ("digits", "quotes"):  # what is made once
        check(*whole(name, 1_000))
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
    bomb = make(bytes(left_bytes)) if make else b""
    resource.setrlimit(resource.RLIMIT_DATA, (used + left_bytes, resource.RLIM_INFINITY))
    memory_bytes.cache_clear()
    if make:
        counts = check(PAIRS, bomb)
        assert "memory" in counts or "ratio" in counts, counts
        print(json.dumps((0, left_bytes)))
    else:
        print(json.dumps(sizes(kind)))


def sizes(name: str) -> tuple[int, int]:
    """The size of the last file of this kind that was read, and of the first that was refused for its memory."""
    last = 0
    for step in range(STEPS):
        dataset, body = whole(name, int(SMALL_BYTES * 1.4**step))
        if "memory" in check(dataset, body):
            return last, len(body)
        last = len(body)
    raise AssertionError(f"{name}: {last} bytes were read")


def check(dataset: Dataset, body: bytes) -> dict[str, int]:
    signature = Signature(len(body), 0, 0, 1)
    read = FileContent(SettledFile(b"f.csv", signature), signature, body, Identity(b""))
    return dict(check_files(dataset, [read]).verdicts[b"f.csv"].counts)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
