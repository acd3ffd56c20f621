"""What authors of datasets import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cubefeed
import pytest

from flows.datasets import find_dataset
from flows.errors import DeclarationError


def test_every_public_name_is_there() -> None:
    assert all(getattr(cubefeed, name) is not None for name in cubefeed.__all__)
    assert set(cubefeed.__all__) <= set(dir(cubefeed)) and not hasattr(cubefeed, "Nothing")
    assert cubefeed.__version__.count(".") == 2
    assert (Path(cubefeed.__file__).parent / "py.typed").exists()


def test_to_import_it_loads_nothing_that_declarations_or_answers_need() -> None:
    look = "import cubefeed, sys; cubefeed.connect; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"prefect", "polars", "pandas", "numpy", "pyarrow", "sqlalchemy", "dataframely", "duckdb", "starlette"}
    assert "cubefeed.connection" in loaded and not heavy & set(loaded)


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
