"""Cancel, retry and run again, as Prefect's page asks for them. Of a work pool it is tested with each change."""

from __future__ import annotations

import pytest

from tests.e2e.program import Installation
from tests.e2e.run_actions import cancelled_runs_ask_nothing, retried_runs_do_the_same_again

pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]


def test_a_run_that_is_cancelled_asks_nothing_of_the_session_any_more(up: Installation) -> None:
    cancelled_runs_ask_nothing(up)


def test_a_run_that_is_retried_closes_the_same_day_again_and_run_again_is_a_new_run(up: Installation) -> None:
    retried_runs_do_the_same_again(up)
