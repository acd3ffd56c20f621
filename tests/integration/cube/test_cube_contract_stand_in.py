"""The contract of the port on the adapter of Atoti, over what stands in for Atoti itself; see `atoti_stand_in` for what
that does not prove."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import create_autospec

import atoti as tt
import pytest

from flows.cube.engines import open_cube
from flows.cube.port import Cube
from tests.atoti_stand_in import StandIn
from tests.integration.cube.condition_contract import ConditionContract
from tests.integration.cube.cube_contract import MODEL, CubeContract
from tests.integration.cube.join_contract import JOINED, JoinContract
from tests.integration.cube.level_contract import LevelContract
from tests.integration.cube.measure_contract import MeasureContract
from tests.integration.cube.row_contract import RowContract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def atoti_cube() -> Iterator[Cube]:
    """One for all tests: to look through Atoti's classes takes a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JAVA_HOME", raising=False)
        patch.setattr(tt.Session, "start", create_autospec(tt.Session.start, return_value=StandIn().session))
        cube = open_cube("atoti", (*MODEL, *JOINED))
        yield cube
        cube.close()


class TestAtotiStandIn(CubeContract, ConditionContract, JoinContract, LevelContract, MeasureContract, RowContract):
    @pytest.fixture
    def cube(self, atoti_cube: Cube) -> Cube:
        for table in atoti_cube.model:
            atoti_cube.rebuild(table.name, [])
        return atoti_cube
