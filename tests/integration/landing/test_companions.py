"""Markers and manifests that say when a file is complete, with either observer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flows.model.completeness import Completeness
from flows.model.findings import Finding
from tests.integration.live_feed import Start, pause, sales


def test_a_file_waits_for_a_marker_that_is_not_older(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"), pattern="*")
    living.put("a.csv", sales(1))
    living.wait_until(lambda: living.waits("a.csv") == "its marker a.csv.done")
    living.put("a.csv.done", b"")
    living.wait_for({1: 1})
    pause(0.02)
    living.put("a.csv", sales(2))
    living.wait_until(lambda: living.waits("a.csv") == "a newer marker")
    assert living.quantities() == {1: 1}
    (living.landing / "a.csv.done").touch()
    living.wait_for({1: 2})
    (living.landing / "a.csv.done").unlink()
    living.look()
    assert [row.file for row in living.files()] == ["a.csv"]
    assert living.inbox.list_waiting() == {}


def test_a_marker_says_that_a_file_is_complete_whatever_else_it_looks_like(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"), settle_s=60.0)
    with (living.landing / "a.csv").open("wb", buffering=0) as opened:
        opened.write(sales(1).rstrip(b"\n"))
        living.put("a.csv.done", b"")
        living.wait_for({1: 1})


def test_a_name_too_long_to_have_a_marker_waits_and_hinders_nobody(start: Start) -> None:
    living = start(completeness=Completeness(marker=".done"))
    longest = b"x" * 251 + b".csv"
    living.put(longest, sales(1))
    living.put("b.csv", sales(2, start=2))
    living.put("b.csv.done", b"")
    living.wait_for({2: 2})
    assert (living.waits(longest) or "").startswith("its marker ")


def manifest_of(body: bytes, **wrong: Any) -> bytes:
    return json.dumps({"rows": body.count(b"\n") - 1, "sha256": hashlib.sha256(body).hexdigest()} | wrong).encode()


def test_a_file_waits_for_its_manifest_and_is_loaded_when_it_agrees(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"), pattern="*")
    bodies = {f"{number}.csv": sales(number, start=number) for number in range(1, 5)}
    for name, body in bodies.items():
        living.put(name, body)
    living.wait_until(lambda: living.waits("1.csv") == "its manifest 1.csv.json")
    living.put("1.csv.json", manifest_of(bodies["1.csv"]))
    living.put("2.csv.json", b'{"rows": 1, "comment": "by hand"}')
    living.put(
        "3.csv.json", b'\xef\xbb\xbf{"sha256": "%s"}' % hashlib.sha256(bodies["3.csv"]).hexdigest().upper().encode()
    )
    living.wait_for({1: 1, 2: 2, 3: 3})
    assert living.inbox.list_waiting() == {b"4.csv": "its manifest 4.csv.json"}
    (living.landing / "1.csv.json").unlink()
    living.look()
    assert living.inbox.list_waiting() == {b"4.csv": "its manifest 4.csv.json"}
    assert {row.file for row in living.files()} == {"1.csv", "2.csv", "3.csv"}


SHAPE = 'a manifest such as {"rows": 7, "sha256": "…"}, either or both'
MISMATCHES = [
    (b'{"rows": 3}', "2 rows", "3 rows, as the manifest says"),
    (b'{"sha256": "00", "rows": 2}', "sha256 {sha256}", "00, as the manifest says"),
    (b"rows=2", "rows=2", SHAPE),
    (b'{"rows": "2"}', '{"rows": "2"}', SHAPE),
    (b'{"row": 2}', '{"row": 2}', SHAPE),
    (b"[" * 100_000, "[" * 200, SHAPE),
    (b'{"sha256": "\\ud800"}', "sha256 {sha256}", "\\ud800, as the manifest says"),
    (b"", "", SHAPE),
    (rb'{"sha256": "\ud800"}', "sha256 {sha256}", r"\ud800, as the manifest says"),  # half a character, in no encoding
]
"""Manifests of files with 2 rows, and the finding that each leads to."""


def test_a_file_that_differs_from_its_manifest_is_refused_until_one_of_them_changes(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"))
    bodies = [sales(1, 2, start=start) for start in range(1, 110, 10)]
    for number, (manifest, _, _) in enumerate(MISMATCHES):
        living.put(f"{number}.csv.json", manifest)
        living.put(f"{number}.csv", bodies[number])
    living.wait_until(lambda: [row.state for row in living.files()] == ["quarantined"] * len(MISMATCHES))
    for number, (_, raw, expected) in enumerate(MISMATCHES):
        found = living.file(f"{number}.csv")
        assert found is not None
        raw = raw.format(sha256=hashlib.sha256(bodies[number]).hexdigest()) if "sha256 " in raw else raw
        assert found.first_finding == Finding("manifest", raw=raw, expected=expected)
        assert found.refused == 2
    assert living.quantities() == {}
    living.put("0.csv.json", manifest_of(bodies[0]))
    living.put("1.csv.json", manifest_of(bodies[9]))
    living.put("1.csv", bodies[9])
    living.wait_for({1: 1, 2: 2, 91: 1, 92: 2})


def test_a_correction_that_is_not_what_its_manifest_says_leaves_the_old_rows(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"))
    living.put("a.csv.json", manifest_of(sales(1, 2)))
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    living.put("a.csv", sales(5))
    living.wait_for_state("a.csv", "quarantined")
    assert living.quantities() == {1: 1, 2: 2}
    assert living.status()["stale"] == 1
    living.put("a.csv.json", manifest_of(sales(5)))
    living.wait_for({1: 5})
    living.put("a.csv", sales(1, 2))
    living.wait_for_state("a.csv", "quarantined")
    living.put("a.csv.json", manifest_of(sales(1, 2)))
    living.wait_for({1: 1, 2: 2})
    assert living.status()["stale"] == 0
