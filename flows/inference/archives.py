"""Sample files in an archive, unpacked as a session would."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import dataframely as dy

from flows.errors import QueryError
from flows.inference.paths import name_pattern
from flows.model.archives import Zip
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.lifecycle import Identity
from flows.reading.archive import unpack_archive
from flows.reading.file_reader import FileContent
from flows.reading.refusal import FileRefused
from flows.validation.cost import TooCostly

_TABLE = re.compile(r"\.(?:csv|tsv|tab|jsonl|ndjson|parquet|xlsx)(?:\.(?:gz|zst|bz2|xz))?\Z", re.IGNORECASE)
"""How the names of files with rows end; what else lies in an archive with some is mostly there to be read."""


def is_archive(file: Path) -> bool:
    """Whether a file is an archive by its name."""
    return file.suffix.lower() == ".zip"


def members_of(archive: Path) -> list[tuple[str, bytes]]:
    """The files in an archive with their names.

    Raises:
        QueryError: no session would unpack it.
    """
    dataset = Dataset(Anything, archive.parent, pattern="*", archives=Zip(name_pattern([archive])))
    body, signature = archive.read_bytes(), Signature.of(archive.stat())
    file = SettledFile(os.fsencode(archive.name), signature)
    content = FileContent(file, signature, body, Identity(hashlib.sha256(body).digest()))
    try:
        members = unpack_archive(dataset, content).members
    except (FileRefused, TooCostly) as error:
        refused = error if isinstance(error, FileRefused) else FileRefused.too_costly(error)
        raise QueryError(
            "The archive cannot be unpacked",
            next_step="leave it out, or have it packed anew",
            file=archive,
            got=refused.finding.raw,
            expected=refused.finding.expected,
        ) from None
    start = len(file.path) + 1
    found = [(os.fsdecode(each.landed.path[start:]), each.body or b"") for each in members]
    return [each for each in found if _TABLE.search(each[0])] or found


class Anything(dy.Schema):
    """Rows of which nothing is known yet."""

    text = dy.String()
