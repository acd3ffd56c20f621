"""What ships: locked with hashes, under licences that may ship, and without known defects that nobody has judged."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest

from deployments.audit import judge
from deployments.licences import EXCEPTIONS, Licence, licence_of, main, shipped
from tests.repository import ROOT


@pytest.mark.parametrize("name", ["requirements.lock", "audit.lock", "check.lock"])
def test_everything_is_locked_with_hashes(name: str) -> None:
    text = (ROOT / "deployments" / name).read_text()
    packages = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(packages) > 15
    for package in packages:
        assert re.match(r"[a-z0-9._-]+==\S+", package), package
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package
    assert "://" not in text


def test_what_is_installed_has_to_have_its_hash() -> None:
    for name in ("Makefile", "deployments/compose.yaml"):
        lines = (ROOT / name).read_text().splitlines()
        installing = [line for line in lines if re.search(r"-r (\$\(LOCK\)|\S+lock)", line)]
        assert installing
        for line in installing:
            assert "--require-hashes" in line or "audit.lock" in line, line


def test_all_that_ships_has_a_licence_that_may(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    listed = capsys.readouterr().out
    for name in ("cubefeed", "prefect", "duckdb", "perspective-python", *EXCEPTIONS):
        assert re.search(rf"^{name} +\S+ +\S", listed, re.MULTILINE), name
    for development in ("pytest", "dlt", "mypy"):
        assert not re.search(rf"^{development} ", listed, re.MULTILINE)


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ("MIT", None),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", None),
        ("GPL-2.0-or-later OR Artistic-1.0", None),
        ("", "unknown"),
        ("GPL-3.0-only", "not allowed"),
        ("MIT AND GPL-3.0-only", "not allowed"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "not allowed"),
        ("Free for non-commercial use", "not allowed"),
    ],
)
def test_a_licence_that_is_unknown_or_not_allowed_is_a_problem(terms: str, problem: str | None) -> None:
    found = Licence("package", "1", terms).problem
    assert found is None if problem is None else found is not None and problem in found


def installed(tmp_path: Path, metadata: str) -> Distribution:
    """A package with these metadata."""
    (tmp_path / "METADATA").write_text(f"Metadata-Version: 2.4\nName: some.package\nVersion: 1\n{metadata}\n")
    return PathDistribution(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "terms"),
    [
        ("License-Expression: MIT", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD"),
        ("Classifier: License :: OSI Approved\nLicense: Apache-2.0", "Apache-2.0"),
        ("Classifier: Programming Language :: Python", ""),
    ],
)
def test_a_licence_is_read_from_what_the_package_says(tmp_path: Path, metadata: str, terms: str) -> None:
    assert licence_of(installed(tmp_path, metadata)) == Licence("some-package", "1", terms)


def test_what_ships_is_what_an_installation_brings() -> None:
    names = [found.name.lower() for found in shipped("cubefeed")]
    assert len(names) == len(set(names)) > 50 and {"prefect", "starlette"} <= set(names)


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    """What pip-audit prints as JSON."""
    return {"dependencies": list(packages), "fixes": []}


SOUND = {"name": "rich", "version": "15.0.0", "vulns": []}
DEFECT = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.1.3"], "aliases": ["CVE-2026-1"], "description": "…"}],
}
UNKNOWN = {"name": "typer", "skip_reason": "Dependency not found on PyPI and could not be audited: typer (0.29.2)"}


def test_a_known_defect_fails_until_it_is_judged() -> None:
    code, lines = judge(report(SOUND, DEFECT), "")
    assert code == 1 and "jinja2 3.1.2: PYSEC-2026-1, mended in 3.1.3" in lines[0] and "Next" in lines[-1]
    for judged in ("PYSEC-2026-1", "CVE-2026-1"):
        code, lines = judge(report(SOUND, DEFECT), f"| {judged} | no template of others is used |")
        assert code == 0 and "judged" in lines[0]
    assert judge(report(SOUND), "") == (0, ["1 package, no known defect"])


def test_what_could_not_be_looked_up_is_not_called_sound() -> None:
    code, lines = judge(report(SOUND, UNKNOWN), "")
    assert code == 2 and "1 package could not be looked up (typer" in lines[0]
