"""Many small files beside the same ones in an archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from cubefeed import Zip

from tests.bench.apart import Figures, apart
from tests.bench.declaration import SALES
from tests.bench.files import WARM_ROWS, Expected, warm_up_file, write_small_files
from tests.bench.ours import first_load_of
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace, check, compared

FILES, ROWS = 1_000, 10
ARCHIVED = replace(SALES, archives=Zip())


def archive(on: Workspace) -> Iterator[Measured]:
    """The same files twice."""
    files = on.scaled(FILES)
    unpacked, packed = on.fresh("archive-unpacked"), on.fresh("archive-packed")
    expected = write_small_files(unpacked, files=files, rows=ROWS)
    packed.mkdir()
    with zipfile.ZipFile(packed / "export.zip", "w", zipfile.ZIP_DEFLATED) as written:
        for file in sorted(unpacked.iterdir()):
            written.write(file, file.name)
    loads = [partial(_load, on, waiting, expected) for waiting in (unpacked, packed)]
    lying, archived = on.alternate(loads)
    yield compared("archive", archived, lying, {"files": files, "rows": files * ROWS})


def _load(on: Workspace, waiting: Path, expected: Expected) -> Figures:
    figures = apart(
        first_load_of,
        waiting=waiting,
        landing=on.fresh("archive/landing"),
        state=on.fresh("archive/state"),
        warm=warm_up_file(on.fresh("archive/warm")),
        declared=f"{__file__}:ARCHIVED",
    )
    check(figures, Expected(expected.rows + WARM_ROWS, expected.quantity))
    return figures
