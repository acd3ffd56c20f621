"""Another user of the machine looks at what lies there."""

from __future__ import annotations

import pytest

from tests.attack.system import System, as_stranger

pytestmark = pytest.mark.slow


def test_another_user_reads_nothing_of_the_state_directory_and_changes_nothing_in_it(system: System) -> None:
    state = system.place.state
    system.assert_still_loading()
    inside = [state, *state.rglob("*")]
    assert len(inside) > 5

    listed = as_stranger("ls", "-R", str(state))
    read = as_stranger("cat", *(str(path) for path in inside))
    written = as_stranger("touch", *(str(path / "theirs") for path in inside if path.is_dir()))
    removed = as_stranger("rm", "-rf", str(state))

    assert listed.returncode and read.returncode and written.returncode and removed.returncode
    assert (listed.stdout, read.stdout) == ("", "")
    assert set(inside) <= {state, *state.rglob("*")} and not list(state.rglob("theirs"))
    system.assert_still_loading()
