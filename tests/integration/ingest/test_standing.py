"""What `cubefeed files` says of each path, in a word and a sentence."""

from __future__ import annotations

from flows.model.policies import Unload
from flows.store.history import FileRow
from tests.integration.ingest.keyless import KEYLESS
from tests.integration.live_feed import LiveFeed, Start, ask, sales


def standings(living: LiveFeed) -> dict[str, str]:
    """File → word; of a stale one that of what is in the cube."""
    return {row.file: row.standing for row in reversed(living.files()) if row.standing != "rejected"}


def row_of(living: LiveFeed, name: str) -> FileRow:
    found = living.file(name)
    assert found is not None
    return found


def test_a_file_whose_rows_are_in_the_cube_is_current(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    assert standings(living) == {"a.csv": "current"}


def test_an_equal_file_of_a_table_with_keys_says_whose_rows_it_shares(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("b.csv", sales(1))
    living.wait_for_state("b.csv", "loaded")
    assert standings(living) == {"a.csv": "current", "b.csv": "same bytes"}
    assert row_of(living, "b.csv").explanation == "the same bytes as a.csv, whose rows it shares"
    living.put("a.csv", sales(2))
    living.wait_until(lambda: standings(living) == {"a.csv": "current", "b.csv": "current"})


def test_a_copy_without_keys_is_a_duplicate_of_the_file_that_counts_and_force_says_so(start: Start) -> None:
    living = start(schema=KEYLESS, name="sales")
    living.put("a.csv", sales(1))
    living.wait_for_state("a.csv", "loaded")
    living.put("b.csv", sales(1))
    living.wait_for_state("b.csv", "duplicate")
    assert standings(living) == {"a.csv": "current", "b.csv": "duplicate"}
    assert row_of(living, "b.csv").explanation.startswith("the same bytes as a.csv, which count once")
    (answered,) = [each for each in ask(living, "load", "b.csv", force=True)["files"] if each["file"] == "b.csv"]
    assert answered["state"] == "duplicate" and "the same bytes as a.csv, which count once" in answered["reason"]
    assert standings(living) == {"a.csv": "current", "b.csv": "duplicate"}
    assert living.quantities("Product") == {"phone": 1}


def test_a_stale_file_says_since_when_and_why(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("a.csv", sales(-1))
    living.wait_for_state("a.csv", "quarantined")
    refused, current = living.files()
    assert (refused.standing, current.standing) == ("rejected", "stale")
    assert refused.explanation == refused.reason
    assert f"since {refused.detected_utc} its file is refused ({refused.reason})" in current.explanation


def test_an_unloaded_file_says_by_whom(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    answer = ask(living, "unload", "a.csv")
    assert answer["files"][0]["state"] == "unloaded"
    row = row_of(living, "a.csv")
    assert row.standing == "unloaded"
    assert row.reason is not None and row.reason.startswith("unloaded by ") and "(pid " in row.reason
    assert row.explanation.startswith(row.reason) and "cubefeed load brings it back" in row.explanation
    ask(living, "load", "a.csv")
    assert standings(living) == {"a.csv": "current"}
    assert row_of(living, "a.csv").reason is None


def test_an_unloaded_file_that_is_deleted_is_gone_and_had_been_unloaded_by_whom(start: Start) -> None:
    living = start()
    for name, first in (("a.csv", 1), ("b.csv", 2)):
        living.put(name, sales(1, start=first))
    living.wait_for({1: 1, 2: 1})
    ask(living, "unload", "a.csv")
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: standings(living) == {"a.csv": "gone", "b.csv": "current"})
    assert row_of(living, "a.csv").explanation.startswith("its file was deleted; it had been unloaded by ")
    assert living.outcome_states("a.csv")[-1] == "unloaded"


def test_a_refused_file_that_is_deleted_is_gone(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(-1))
    living.put("b.csv", sales(1))
    living.wait_for_state("a.csv", "quarantined")
    living.wait_for({1: 1})
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: row_of(living, "a.csv").standing == "gone")
    assert row_of(living, "a.csv").explanation == "its file was refused (findings: min 1), and is gone"


def test_a_refused_file_that_is_deleted_is_neither_refused_nor_stale_any_more(start: Start) -> None:
    living = start()
    for name, first in (("a.csv", 1), ("b.csv", 2)):
        living.put(name, sales(1, start=first))
    living.wait_for({1: 1, 2: 1})
    living.put("a.csv", sales(-1))
    living.put("c.csv", sales(-1))
    for name in ("a.csv", "c.csv"):
        living.wait_for_state(name, "quarantined")
    assert (living.status()["stale"], living.status()["files"]["quarantined"]) == (1, 2)
    assert [row["file"] for row in living.overview()["refused"]] == ["c.csv", "a.csv"]
    for name in ("a.csv", "c.csv"):
        (living.landing / name).unlink()
    stand = [("c.csv", "gone"), ("a.csv", "gone"), ("b.csv", "current"), ("a.csv", "kept")]
    living.wait_until(lambda: sorted((row.file, row.standing) for row in living.files()) == sorted(stand))
    assert living.status()["stale"] == 0 and "quarantined" not in living.status()["files"]
    assert living.overview()["refused"] == [] and living.complaints() == []
    assert not any(row.stale for row in living.files())


def test_rows_whose_file_was_deleted_are_kept_and_else_gone(start: Start) -> None:
    living = start()
    for name, first in (("a.csv", 1), ("b.csv", 2)):
        living.put(name, sales(1, start=first))
    living.wait_for({1: 1, 2: 1})
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: standings(living) == {"a.csv": "kept", "b.csv": "current"})


def test_a_deleted_file_whose_rows_leave_is_gone(start: Start) -> None:
    living = start(when_deleted=Unload())
    for name, first in (("a.csv", 1), ("b.csv", 2)):
        living.put(name, sales(1, start=first))
    living.wait_for({1: 1, 2: 1})
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: standings(living) == {"a.csv": "gone", "b.csv": "current"})
    assert row_of(living, "a.csv").explanation == "its file was deleted, and its rows with it"


def test_a_file_that_waits_is_named_by_the_session_alone(start: Start) -> None:
    living = start(settle_s=30.0)
    living.put("a.csv", sales(1))
    living.inbox.rescan()
    (waiting,) = living.waiting()
    assert (waiting["file"], waiting["standing"], waiting["state"]) == ("a.csv", "waiting", "detected")
    assert waiting["explanation"] == "it waits: to settle" and waiting["version"] is None
    assert living.files() == []
