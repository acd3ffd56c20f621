"""What a file can cost in time and words: crafted bytes have no quadratic way, and no finding repeats them whole."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import asdict

import dataframely as dy
import pyarrow as pa
import pytest

from flows.ingest.file_checks import check_files
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.finding_frame import SHOWN, SHOWN_EXPECTED
from flows.model.findings import MAX_FINDINGS, Verdict
from flows.model.formats import Csv
from flows.model.lifecycle import Identity
from flows.model.policies import SkipRows
from flows.reading.file_reader import FileContent
from tests.integration.reading.costly_files import Pair

pytestmark = pytest.mark.slow


class Keyed(dy.Schema):
    A = dy.Integer(primary_key=True)
    B = dy.Date()


SKIP = SkipRows(up_to=1.0)
PAIRS = Dataset(schema=Pair, landing=".", bad_rows=SKIP)
KEYED = Dataset(schema=Keyed, landing=".", bad_rows=SKIP)
MULTILINE = Dataset(schema=Pair, landing=".", bad_rows=SKIP, format=Csv(multiline=True))
H = b"A,B\n"
EMPTY_MEMBER = gzip.compress(b"")
EMPTY_FRAME = pa.compress(b"", codec="zstd", asbytes=True)

CRAFTED: dict[str, tuple[Dataset, Callable[[int], bytes]]] = {
    "empty gzip members": (PAIRS, lambda n: EMPTY_MEMBER * (n * 10) + gzip.compress(H)),
    "empty zstd frames": (PAIRS, lambda n: EMPTY_FRAME * (n * 20) + pa.compress(H, codec="zstd", asbytes=True)),
    "a header of many names": (PAIRS, lambda n: b",".join(b"%d" % i for i in range(n)) + b"\n1,2\n"),
    "a header of one name": (PAIRS, lambda n: b"A," * n + b"\n1,2\n"),
    "a header of quotes": (PAIRS, lambda n: b'"' * n + b"\n1,2\n"),
    "many headers": (PAIRS, lambda n: H * n),
    "stray quotes": (PAIRS, lambda n: H + b'a"b,c\n' * n),
    "quotes that open and close": (PAIRS, lambda n: H + b'a,"\n"\n' * n),
    "quotes that never close": (PAIRS, lambda n: H + b'"\n' + b'a,b"c\n' * n),
    "a line of quotes": (PAIRS, lambda n: H + b'"' * (n * 10) + b",b\n"),
    "a small file of quotes": (PAIRS, lambda n: H + (b'"a""b",' * min(n, 9_000))[:60_000]),
    "quotes over many lines": (MULTILINE, lambda n: H + b'"\n\n",\n' * n),
    "one quotation of all lines": (MULTILINE, lambda n: H + b'"' + b"\n" * n + b'",b\n'),
    "quotes that open again": (MULTILINE, lambda n: H + b'"a\nb","c\n' * n),
    "wide rows": (PAIRS, lambda n: H + (b"," * 1_000 + b"\n") * (n // 100)),
    "a wide row": (PAIRS, lambda n: H + b"," * (n * 10) + b"\n"),
    "short rows": (PAIRS, lambda n: H + b"1\n" * n),
    "blank lines": (PAIRS, lambda n: H + b"\n" * n),
    "lone carriage returns": (PAIRS, lambda n: H + b"a\rb,c\n" * n),
    "a long cell": (PAIRS, lambda n: H + b"a," + b"b" * (n * 100) + b"\n"),
    "a late NUL": (PAIRS, lambda n: H + b"a,b\n" * n + b"\0"),
    "a late byte that is no UTF-8": (PAIRS, lambda n: H + b"a,b\n" * n + b"\xff"),
    "cells that cannot be read": (KEYED, lambda n: H + b"x,y\n" * n),
    "one key for all rows": (KEYED, lambda n: H + b"".join(b"1,2021-05-%02d\n" % (i % 28 + 1) for i in range(n))),
    "one row again and again": (KEYED, lambda n: H + b"1,2021-05-01\n" * n),
}
N = 20_000
GROWTH = 4
"""So many times as much may take at most TIMES as long; where each byte was compared with each it would take 16."""
TIMES = 8.0
TRIES = 3


def check(dataset: Dataset, body: bytes) -> Verdict:
    signature = Signature(len(body), 0, 0, 1)
    read = FileContent(SettledFile(b"f.csv", signature), signature, body, Identity(b""))
    return check_files(dataset, [read]).verdicts[b"f.csv"]


def cpu_s(dataset: Dataset, body: bytes) -> float:
    started = time.process_time()
    check(dataset, body)
    return time.process_time() - started


@pytest.mark.parametrize("kind", CRAFTED)
def test_the_time_of_a_file_grows_as_its_bytes_do(kind: str) -> None:
    dataset, make = CRAFTED[kind]
    small, large = make(N), make(GROWTH * N)
    cpu_s(dataset, small)  # what is made once
    ratios = []
    for _ in range(TRIES):  # others work on this machine too
        ratios.append(cpu_s(dataset, large) / max(cpu_s(dataset, small), 0.005))
        if ratios[-1] < TIMES:
            return
    pytest.fail(f"{GROWTH} times as much took {ratios} times as long")


@pytest.mark.parametrize("kind", CRAFTED)
def test_what_is_said_of_a_file_does_not_grow_with_it(kind: str) -> None:
    dataset, make = CRAFTED[kind]
    verdict = check(dataset, make(N))
    assert len(verdict.findings) <= MAX_FINDINGS
    assert len(verdict.reason or "") <= 2 * SHOWN_EXPECTED
    for finding in verdict.findings:
        assert len(finding.raw or "") <= SHOWN
        assert len(finding.expected or "") <= SHOWN_EXPECTED
    assert len(json.dumps([asdict(finding) for finding in verdict.findings[:1]])) <= 8 * SHOWN_EXPECTED
