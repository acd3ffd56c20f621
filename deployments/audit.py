"""Looks for known defects in the locked packages with pip-audit, and holds them against what SECURITY.md judges.

    python deployments/audit.py .venv/audit/bin/pip-audit

Ends with 1 where a finding is not judged there, and with 2 where packages could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.text.plural import counted

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
JUDGED = HERE.parent / ".github" / "SECURITY.md"
SHOWN = 5


def findings(report: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """What was found: a line to show, and the names of the defect."""
    for package in report["dependencies"]:
        for defect in package.get("vulns", ()):
            mended = ", ".join(defect["fix_versions"]) or "no version yet"
            line = f"{package['name']} {package['version']}: {defect['id']}, mended in {mended}"
            yield line, {defect["id"], *defect["aliases"]}


def not_looked_up(report: dict[str, Any]) -> list[str]:
    """The packages of which the service said nothing; pip-audit itself counts them as sound."""
    return [package["name"] for package in report["dependencies"] if "skip_reason" in package]


def judge(report: dict[str, Any], judged: str) -> tuple[int, list[str]]:
    """The exit code, and the lines that say why.

    Args:
        report: pip-audit's, as JSON.
        judged: the text in which findings that are known are named.
    """
    skipped = not_looked_up(report)
    if skipped:
        named = ", ".join(skipped[:SHOWN])
        what = f"{counted(len(skipped), 'package')} could not be looked up ({named}, …)"
        why = "the service of known defects knows nothing of them, or does not answer"
        return 2, [f"{what}: {why}. Next: run this where PyPI itself is reached, without a mirror"]
    code, lines = 0, []
    for line, names in findings(report):
        known = any(name in judged for name in names)
        lines.append(f"{line}{' (judged in SECURITY.md)' if known else ''}")
        code = code if known else 1
    if code:
        lines.append("Next: take the version that mends it into the lock, or judge it in .github/SECURITY.md")
    return code, lines or [f"{counted(len(report['dependencies']), 'package')}, no known defect"]


def main() -> int:
    """Run pip-audit on the lock."""
    options = ("--requirement", LOCK, "--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off")
    done = subprocess.run([sys.argv[1], *options], capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        print(f"pip-audit has found out nothing:\n{done.stderr}", file=sys.stderr)
        return 2
    code, lines = judge(json.loads(done.stdout), JUDGED.read_text(encoding="utf-8"))
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
