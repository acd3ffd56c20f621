"""What alerts cost where nobody is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.repository import ROOT


@pytest.mark.slow
def test_apprise_is_not_imported_where_there_is_no_address() -> None:
    program = "import sys, flows.alerts.session, flows.alerts.supervisor; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
