"""What a directory means, in stories: each look shows files, and the cube follows."""

from __future__ import annotations

import pytest

from flows.model.precedence import ByArrival, ByColumn, ByName, Meaning, Precedence
from tests.property.planned import Planned
from tests.property.rules import Content, File, Row


class Story:
    """A directory in memory, and what is planned of it."""

    def __init__(self, meaning: Meaning) -> None:
        self.planned = Planned(meaning)
        self.files: dict[str, File] = {}
        self.seen: dict[str, File] = {}
        self.clock = 0

    def put(self, name: str, *rows: Row) -> None:
        self.clock += 1
        self.files[name] = File(Content(rows), self.clock, self.clock, len(rows))

    def move(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)

    def delete(self, name: str) -> None:
        del self.files[name]

    def look(self) -> list[Row]:
        """The rows in the cube once the directory was looked at."""
        touched = {name: file for name, file in self.files.items() if self.seen.get(name) != file}
        self.planned.look(touched, [name for name in self.seen if name not in self.files])
        self.seen = dict(self.files)
        return [(key, value) for key, value, _ in self.planned.cube()]


def keyed(precedence: Precedence | None = None, *, unload_deleted: bool = False) -> Story:
    return Story(Meaning(keyed=True, precedence=precedence or ByArrival(), unload_deleted=unload_deleted))


def keyless(*, copies_count: bool = False, unload_deleted: bool = False) -> Story:
    return Story(Meaning(keyed=False, copies_count=copies_count, unload_deleted=unload_deleted))


def test_a_sensor_that_is_on_off_and_on_again_is_on() -> None:
    story = keyed()
    rows: list[Row] = []
    for number, value in enumerate((1, 0, 1)):
        story.put(f"{number}.csv", (7, value))
        rows = story.look()
    assert rows == [(7, 1)]


def test_a_day_that_came_first_under_a_wrong_name_is_there_under_the_right_one() -> None:
    story = keyed()
    story.put("day1.csv", (2, 20))
    story.look()
    story.put("day1.csv", (1, 10))
    assert story.look() == [(1, 10)]
    story.put("day2.csv", (2, 20))
    assert story.look() == [(1, 10), (2, 20)]


def test_a_late_copy_of_what_was_corrected_does_not_cover_the_correction() -> None:
    story = keyed()
    story.put("day.csv", (1, 10))
    story.look()
    story.put("day.csv", (1, 11))
    story.look()
    story.put("copy.csv", (1, 10))
    assert story.look() == [(1, 11)]


def test_a_copy_whose_original_is_corrected_gives_way_to_the_correction() -> None:
    story = keyed()
    story.put("day.csv", (1, 10))
    story.put("copy.csv", (1, 10))
    story.look()
    story.put("day.csv", (1, 11))
    assert story.look() == [(1, 11)]


@pytest.mark.parametrize("unload_deleted", [True, False])
def test_what_is_deleted_and_written_again_a_moment_later_covers_no_later_day(unload_deleted: bool) -> None:
    story = keyed(unload_deleted=unload_deleted)
    story.put("day1.csv", (1, 10), (2, 10))
    story.put("copy of day1.csv", (1, 10), (2, 10))
    story.put("day2.csv", (2, 20))
    story.look()
    story.delete("day1.csv")
    story.look()
    story.put("day1.csv", (1, 11), (2, 11))
    assert story.look() == [(1, 11), (2, 20)]


def test_what_was_moved_away_for_a_correction_stays_below_it_and_the_correction_below_the_next_day() -> None:
    story = keyed()
    story.put("day1.csv", (1, 10), (2, 10))
    story.look()
    story.put("day2.csv", (2, 20))
    story.look()
    story.move("day1.csv", "day1 before.csv")
    story.put("day1.csv", (1, 11), (2, 11))
    assert story.look() == [(1, 11), (2, 20)]


def test_a_chain_of_renames_in_one_look_loses_no_row_and_no_place() -> None:
    story = keyed()
    story.put("a.csv", (1, 10), (3, 1))
    story.look()
    story.put("b.csv", (1, 20), (2, 2))
    story.look()
    story.move("b.csv", "c.csv")
    story.move("a.csv", "b.csv")
    assert story.look() == [(1, 20), (2, 2), (3, 1)]
    story.put("b.csv", (1, 30), (3, 1))  # corrected under its new name, it is still the first that arrived
    assert story.look() == [(1, 20), (2, 2), (3, 1)]


def test_a_file_that_is_renamed_over_another_takes_its_place() -> None:
    story = keyed()
    story.put("export.csv", (1, 10))
    story.look()
    story.put("later.csv", (1, 20))
    story.look()
    story.put("export.tmp.csv", (1, 11), (2, 2))
    story.look()
    story.move("export.tmp.csv", "export.csv")
    assert story.look() == [(1, 20), (2, 2)]


def test_a_new_file_with_the_inode_time_and_size_of_a_deleted_one_is_no_rename() -> None:
    story = keyed()
    story.put("a.csv", (1, 10))
    story.look()
    before = story.files.pop("a.csv")
    story.files["b.csv"] = before._replace(content=Content(((2, 20),)))
    assert story.look() == [(1, 10), (2, 20)]


def test_a_late_older_snapshot_covers_nothing_where_names_decide() -> None:
    story = keyed(ByName())
    story.put("snap_10.csv", (1, 10))
    story.look()
    story.put("snap_9.csv", (1, 9), (2, 9))
    assert story.look() == [(1, 10), (2, 9)]


def test_the_greatest_value_wins_where_a_column_decides() -> None:
    story = keyed(ByColumn("Value"))
    story.put("first.csv", (1, 30))
    story.look()
    story.put("second.csv", (1, 20), (2, 5))
    assert story.look() == [(1, 30), (2, 5)]


def test_equal_files_without_a_key_count_once_and_the_next_one_counts_when_the_first_leaves() -> None:
    story = keyless(unload_deleted=True)
    for name in ("a.csv", "b.csv", "c.csv"):
        story.put(name, (1, 10))
    assert story.look() == [(1, 10)]
    story.delete("a.csv")
    assert story.look() == [(1, 10)]
    story.delete("b.csv")
    assert story.look() == [(1, 10)]


def test_equal_files_without_a_key_count_each_where_that_is_asked_for() -> None:
    story = keyless(copies_count=True)
    for name in ("a.csv", "b.csv", "c.csv"):
        story.put(name, (1, 10))
    assert story.look() == [(1, 10)] * 3


def test_equal_files_in_two_folders_whose_names_are_values_are_two() -> None:
    story = keyless()
    story.put("north/day.csv", (1, 10))
    story.put("south/day.csv", (1, 10))
    assert story.look() == [(1, 10), (1, 10)]
    assert sorted(folder for *_, folder in story.planned.cube()) == ["north", "south"]
