"""What a report of a bug needs to say of an installation: no rows, no values from files, no secrets."""

from __future__ import annotations

import json
import platform
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from flows.errors import CubefeedError, plain
from flows.installation.doctor import as_last_served, examine
from flows.redaction import without_secrets
from flows.settings import Settings
from flows.store.history import counts
from flows.store.ledger_file import open_ledger
from flows.store.state_directory import StateDirectory

LOG_LINES = 500
LOG_BYTES = 1 << 20
_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +)(.*)$")
_FRAME = re.compile(r'^  File "')
_RAISED = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Failed|Warning|Interrupt|Exit|Lost|Full))\b")


def support_parts(settings: Settings) -> dict[str, str]:
    """Name → content of each part of the archive."""
    served = as_last_served(settings)
    parts = {
        "versions.json": _json(_versions()),
        "settings.json": _json({name: str(value) for name, value in asdict(served).items()}),
        "doctor.json": _json(examine(served)),
        "counts.json": _json(_counts(settings)),
    }
    log = settings.state / "serve.log"
    if log.is_file():
        parts["log.txt"] = "\n".join(_log_lines(log)) + "\n"
    return {name: without_secrets(text) for name, text in parts.items()}


def write_archive(parts: Mapping[str, str], to: Path) -> None:
    """Write the parts into one archive."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(f"cubefeed-support/{name}", text)


def _versions() -> dict[str, str]:
    found = {"python": sys.version, "platform": platform.platform()}
    for needed in ("cubefeed", *(requires("cubefeed") or ())):
        name = re.split(r"[^\w.-]", needed)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _counts(settings: Settings) -> dict[str, Any]:
    """How many files each dataset has, by their states."""
    state = StateDirectory(settings.state)
    try:
        ledger = open_ledger(state.ledger, create=False, lost=state.remembers)
    except CubefeedError as error:
        return {"ledger": error.headline}
    try:
        return {name: asdict(counts(ledger, name)) for name in ledger.dataset_names()}
    finally:
        ledger.close()


def _log_lines(log: Path) -> Iterator[str]:
    """The last lines of a log, as far as they can hold no value of a file: what a line says behind its first colon but
    one is left out, and so is what an exception says."""
    with open(log, "rb") as opened:
        opened.seek(max(0, log.stat().st_size - LOG_BYTES))
        lines = opened.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    for line in lines:
        if found := _LINE.match(line):
            yield plain(found[1] + _kept(found[2]))
        elif _FRAME.match(line):
            yield plain(line)
        elif raised := _RAISED.match(line):
            yield f"{raised[1]}: …"


def _kept(message: str) -> str:
    """What is left of a message: of a file what became of it, without why."""
    said = re.match(r"^([^:]+: .*?\b(?:loaded|quarantined|duplicate|unloaded|superseded), [\d,]+ rows?)", message)
    if said:
        return f"{said[1]}…" if len(said[1]) < len(message) else message
    head, colon, rest = message.partition(": ")
    first = rest.split(": ")[0].split("(")[0]
    return f"{head}{colon}{first}" + ("…" if len(head + colon + first) < len(message) else "")


def _json(content: object) -> str:
    return json.dumps(content, indent=1, default=str)
