"""The package that is built."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from tests.repository import ROOT
from tests.wheel import MADE, build_wheel


def test_a_wheel_that_is_built_twice_is_the_same(tmp_path: Path) -> None:
    first = build_wheel(tmp_path / "first", tmp_path / "one", umask=0o022, touched=MADE - 10_000)
    second = build_wheel(tmp_path / "second", tmp_path / "two", umask=0o077, touched=MADE + 10_000)
    assert first.name == second.name
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    with zipfile.ZipFile(first) as wheel:
        names = wheel.namelist()
        assert {"flows/cli/main.py", "cubefeed/__init__.py", "cubefeed/py.typed"} <= set(names)
        shown = {str(file.relative_to(ROOT)) for file in (ROOT / "flows").rglob("*.html.jinja")}
        assert shown and shown <= set(names)
        samples = {file.name: file.read_bytes() for file in (ROOT / "data" / "sales").glob("*/*.csv")}
        assert samples == {name: wheel.read(f"flows/installation/samples/{name}") for name in samples}
        assert not any(name.endswith(".pyc") or name.startswith("flows/api/") for name in names)
        assert not any(name.startswith(("tests/", "data/", "deployments/")) for name in names)
