"""Zip archives whose members are files of the dataset, with either observer."""

from __future__ import annotations

import json
import os
import warnings
from hashlib import sha256

import pytest

from flows.model.archives import Zip
from flows.model.completeness import Completeness
from flows.model.policies import Unload
from tests.integration.live_feed import LiveFeed, Start, ask, pause, sales
from tests.zip_files import encrypted, zipped

BAD = b"ID,Date,Product,Quantity\n1,2021-05-01,phone,many\n"


def states(living: LiveFeed) -> dict[str, str]:
    return {row.file: row.state for row in living.files()}


def test_each_member_is_a_file_of_its_own_beside_those_that_lie_there(start: Start) -> None:
    living = start(archives=Zip())
    living.put("loose.csv", sales(9, start=9))
    living.put("export.zip", zipped({"b.csv": sales(20, start=2), "sub/a.csv": sales(1), "readme.txt": b"hello"}))
    living.wait_for({1: 1, 2: 20, 9: 9})
    assert states(living) == dict.fromkeys(
        ["export.zip", "export.zip/b.csv", "export.zip/sub/a.csv", "loose.csv"], "loaded"
    )
    assert living.file("export.zip/b.csv").rows == 1  # type: ignore[union-attr]
    assert "readme.txt" in (living.file("export.zip").tolerated or "")  # type: ignore[union-attr]


def test_of_members_that_share_a_key_the_later_name_and_the_later_archive_cover_the_others(start: Start) -> None:
    living = start(archives=Zip())
    living.put("one.zip", zipped({"b.csv": sales(2), "a.csv": sales(1), "c.csv": sales(3, start=2)}))
    living.wait_for({1: 2, 2: 3})
    living.put("another.zip", zipped({"a.csv": sales(4)}))
    living.wait_for({1: 4, 2: 3})


@pytest.mark.parametrize("unload", [False, True])
def test_a_new_version_replaces_what_changed_and_deletes_what_it_lacks(start: Start, unload: bool) -> None:
    options = {"when_deleted": Unload()} if unload else {}
    living = start(archives=Zip(), **options)
    living.put("other.csv", sales(9, start=9))
    members = {"a.csv": sales(1), "b.csv": sales(2, start=2), "c.csv": sales(3, start=3)}
    archive = living.put("export.zip", zipped(members))
    living.wait_for({1: 1, 2: 2, 3: 3, 9: 9})
    before = living.file("export.zip/a.csv")
    archive.write_bytes(zipped({"a.csv": sales(1), "b.csv": sales(20, start=2), "d.csv": sales(4, start=4)}))
    living.wait_for({1: 1, 2: 20, 4: 4, 9: 9} if unload else {1: 1, 2: 20, 3: 3, 4: 4, 9: 9})
    after = living.file("export.zip/a.csv")
    assert before is not None and after is not None and before.version == after.version
    assert living.state_of("export.zip/c.csv") == ("unloaded" if unload else "loaded")
    archive.unlink()
    living.wait_until(lambda: living.outcome_states("export.zip/a.csv")[-1] == ("unloaded" if unload else "gone"))
    assert living.quantities() == ({9: 9} if unload else {1: 1, 2: 20, 3: 3, 4: 4, 9: 9})


def test_a_renamed_archive_renames_its_members_and_loads_nothing_again(start: Start) -> None:
    living = start(archives=Zip(), when_deleted=Unload())
    archive = living.put("export.zip", zipped({"a.csv": sales(1), "b.csv": sales(1), "c.csv": sales(3, start=3)}))
    living.wait_for({1: 1, 3: 3})
    before = {row.file.partition("/")[2]: row.version for row in living.files()}
    archive.rename(living.landing / "renamed.zip")
    living.wait_until(lambda: living.state_of("export.zip") is None and living.state_of("renamed.zip") == "loaded")
    assert {row.file.partition("/")[2]: row.version for row in living.files()} == before
    assert all(row.file.startswith("renamed.zip") for row in living.files())
    assert living.quantities() == {1: 1, 3: 3}


def test_one_refused_member_refuses_all_and_what_was_loaded_before_stays(start: Start) -> None:
    living = start(archives=Zip(), when_deleted=Unload())
    archive = living.put("export.zip", zipped({"a.csv": sales(1), "b.csv": sales(2, start=2)}))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    archive.write_bytes(zipped({"a.csv": sales(10), "c.csv": BAD}))
    living.wait_until(lambda: living.outcome_states("export.zip") == ["loaded", "quarantined"])
    assert living.quantities() == {1: 1, 2: 2, 9: 9}
    refused = {file.file: file for file in living.outcomes[-1].files}
    assert set(refused) == {"export.zip", "export.zip/a.csv", "export.zip/c.csv"}
    assert refused["export.zip/c.csv"].first_finding is not None
    assert refused["export.zip/c.csv"].first_finding.line == 2
    for name in ("export.zip", "export.zip/a.csv"):
        assert "export.zip/c.csv: findings: integer 1" in (refused[name].reason or "")
    archive.write_bytes(zipped({"a.csv": sales(10), "c.csv": sales(3, start=3)}))
    living.wait_for({1: 10, 3: 3, 9: 9})


def test_a_refused_archive_that_is_renamed_takes_what_it_had_along(start: Start) -> None:
    living = start(archives=Zip(), when_deleted=Unload())
    archive = living.put("export.zip", zipped({"a.csv": sales(1), "b.csv": sales(2, start=2)}))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    archive.write_bytes(b"no archive\n")
    living.wait_until(lambda: living.outcome_states("export.zip") == ["loaded", "quarantined"])
    archive.rename(living.landing / "renamed.zip")
    living.wait_until(lambda: living.outcome_states("renamed.zip") != [])
    living.wait_until(lambda: living.state_of("export.zip") is None)
    assert living.quantities() == {1: 1, 2: 2, 9: 9}
    assert living.state_of("renamed.zip/b.csv") == "loaded"
    (living.landing / "renamed.zip").write_bytes(zipped({"b.csv": sales(20, start=2)}))
    living.wait_for({2: 20, 9: 9})


def test_bad_archives_are_refused_each_with_a_finding_and_the_rest_goes_on(start: Start) -> None:
    with warnings.catch_warnings(action="ignore"):  # Python warns of what is written here on purpose
        twice = zipped([("a.csv", sales(1)), ("a.csv", sales(2))])
    bad = {
        "nested.zip": (zipped({"a.csv": sales(1), "in.zip": zipped({"b.csv": b""})}), "an archive in it: in.zip"),
        "hidden.zip": (zipped({"a.csv": zipped({"b.csv": sales(2)})}), "hidden.zip/a.csv"),
        "outside.zip": (zipped({"a.csv": sales(1), "../b.csv": sales(2)}), "../b.csv"),
        "locked.zip": (encrypted(zipped({"a.csv": sales(1)})), "password"),
        "twice.zip": (twice, "two members of the name a.csv"),
        "text.zip": (sales(1), "no archive"),
    }
    living = start(archives=Zip())
    for name, (body, _) in bad.items():
        living.put(name, body)
    living.put("sound.zip", zipped({"a.csv": sales(1)}))
    living.put("z.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    for name, (body, raw) in bad.items():
        living.wait_for_state(name, "quarantined")
        refused = living.file(name)
        assert refused is not None and refused.version is not None
        (finding,) = living.feed.quarantine.findings("sales", refused.version)
        assert raw in (finding.raw or "")
        kept = living.feed.quarantine.folder("sales", refused.version) / "refused"
        assert kept.read_bytes() == body


def test_half_an_archive_waits_for_its_other_half(start: Start) -> None:
    living = start(archives=Zip())
    body = zipped({"a.csv": sales(1), "b.csv": sales(2, start=2)})
    with (living.landing / "export.zip").open("wb") as opened:
        opened.write(body[: len(body) // 2])
        opened.flush()
        living.wait_until(lambda: "directory of what is in it" in (living.waits("export.zip") or ""))
        opened.write(body[len(body) // 2 :])
    living.wait_for({1: 1, 2: 2})
    assert living.outcome_states("export.zip") == ["loaded"]


def test_a_directory_with_the_name_of_an_archive_is_not_searched_and_named(start: Start) -> None:
    living = start(archives=Zip(), recursive=True)
    (living.landing / "export.zip").mkdir()
    living.put("export.zip/a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({2: 2})
    living.look()
    assert "rename it" in living.inbox.refused[b"export.zip"]
    assert living.waits("export.zip/a.csv") is None
    os.rename(living.landing / "export.zip", living.landing / "export")
    living.look()
    living.wait_for({1: 1, 2: 2})
    assert living.state_of("export/a.csv") == "loaded"


def test_a_member_and_an_archive_can_be_unloaded_and_loaded_again(start: Start) -> None:
    living = start(archives=Zip())
    archive = living.put("export.zip", zipped({"a.csv": sales(1), "b.csv": sales(2, start=2)}))
    living.wait_for({1: 1, 2: 2})
    ask(living, "unload", "export.zip/a.csv")
    assert living.quantities() == {2: 2}
    archive.write_bytes(zipped({"a.csv": sales(1), "b.csv": sales(20, start=2)}))
    living.wait_for({2: 20})
    assert living.state_of("export.zip/a.csv") == "unloaded"
    ask(living, "unload", "export.zip")
    assert living.quantities() == {}
    ask(living, "load", "export.zip/a.csv")
    assert living.quantities() == {1: 1}
    ask(living, "load", "export.zip")
    assert living.quantities() == {1: 1, 2: 20}
    ask(living, "reload", "export.zip/b.csv")
    ask(living, "load", "export.zip/*.csv", force=True)
    assert living.quantities() == {1: 1, 2: 20}


def test_an_archive_waits_for_its_marker_and_has_to_be_as_its_manifest_says(start: Start) -> None:
    living = start(archives=Zip(), completeness=Completeness(marker=".done", manifest=".json"))
    body = zipped({"a.csv": sales(1, 2), "b.csv": sales(3, start=3)})
    living.put("export.zip", body)
    living.put("export.zip.json", json.dumps({"rows": 4, "sha256": sha256(body).hexdigest()}).encode())
    pause(0.2)
    assert living.quantities() == {}
    living.put("export.zip.done", b"")
    living.wait_for_state("export.zip", "quarantined")
    assert "manifest: expected 4 rows" in (living.file("export.zip").reason or "")  # type: ignore[union-attr]
    living.put("export.zip.json", b'{"rows": 3}')
    living.put("export.zip.done", b"")
    living.wait_for({1: 1, 2: 2, 3: 3})
