"""The contract of the port on a real Atoti; it runs where Atoti's licence lets it start, and says so where not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flows.cube.engines import open_cube
from flows.cube.port import Cube
from flows.errors import EngineUnavailable
from tests.integration.cube.condition_contract import ConditionContract
from tests.integration.cube.cube_contract import MODEL, CubeContract
from tests.integration.cube.level_contract import LevelContract
from tests.integration.cube.measure_contract import MeasureContract
from tests.integration.cube.row_contract import RowContract

pytestmark = pytest.mark.atoti


@pytest.fixture(scope="session")
def atoti_cube(request: pytest.FixtureRequest) -> Iterator[Cube]:
    """One Atoti for all tests: each start takes many seconds and asks the licence server."""
    if not os.environ.get("ATOTI_LICENSE") and request.config.getoption("-m") != "atoti":
        pytest.skip(
            "NOT RUN: the cube contract on a real Atoti. It needs the internet or a licence in ATOTI_LICENSE; "
            "run it with: python -m pytest -m atoti"
        )
    try:
        cube = open_cube("atoti", MODEL, tell=print)
    except EngineUnavailable as error:
        pytest.skip(f"NOT RUN: Atoti cannot start here. {error}")
    yield cube
    cube.close()


class TestAtoti(CubeContract, ConditionContract, LevelContract, MeasureContract, RowContract):
    @pytest.fixture
    def cube(self, atoti_cube: Cube) -> Cube:
        for table in MODEL:
            atoti_cube.rebuild(table.name, [])
        return atoti_cube
