"""What authors of datasets import."""

from __future__ import annotations

from pathlib import Path

import cubefeed
import pytest

from flows.datasets import find_dataset
from flows.errors import DeclarationError


def test_every_public_name_is_there() -> None:
    assert all(getattr(cubefeed, name) is not None for name in cubefeed.__all__)
    assert cubefeed.__version__.count(".") == 2
    assert (Path(cubefeed.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("line", ["from flows.declarations import Dataset", "from flows.errors import Nothing"])
def test_a_dataset_file_that_imports_what_is_not_inside_is_told_the_public_names(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"{line}\n")
    with pytest.raises(DeclarationError, match="from cubefeed import Dataset, Csv"):
        find_dataset(f"{file}:MINE")
