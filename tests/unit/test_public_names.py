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


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("from flows.core.declarations import Dataset, SkipRows", "from cubefeed import Dataset, SkipRows"),
        ("from flows.model.dataset import Dataset", "from cubefeed import Dataset"),
        ("from flows.errors import Nothing", "from cubefeed import Dataset, Csv"),
        ("import flows.model.dataset", "from cubefeed import Dataset, Csv"),
        ("from flows import errors", "from cubefeed import Dataset, Csv"),
    ],
)
def test_a_dataset_file_that_imports_internals_is_refused_with_the_public_names(
    tmp_path: Path, line: str, instead: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"import dataframely as dy\n{line}\n")
    with pytest.raises(DeclarationError, match=f"write `{instead}` instead") as refused:
        find_dataset(f"{file}:MINE")
    assert refused.value.where["line"] == 2
