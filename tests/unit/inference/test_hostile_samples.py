"""Samples with which a declaration could go wrong without anybody seeing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.datasets import find_dataset
from flows.errors import CubefeedError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def declare(*bodies: str, directory: str = "shop") -> str:
    """The declaration of some files, which is proved by all of them."""
    done = _init(directory, *bodies)
    assert done is None, done
    return Path("shop.py").read_text()


def refusal(*bodies: str) -> str:
    """Why there is no declaration of some files."""
    done = _init("shop", *bodies)
    assert done is not None and not Path("shop.py").exists()
    return done


def _init(directory: str, *bodies: str) -> str | None:
    Path(directory).mkdir()
    for number, body in enumerate(bodies):
        Path(f"{directory}/{number}.csv").write_text(body)
    done = CliRunner().invoke(app, ["init", directory, "-o", "shop.py"])
    if done.exit_code == 0:
        return None
    assert isinstance(done.exception, CubefeedError), done.output
    return str(done.exception)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("12345678901234567890", "5"), "Decimal(38)"),
        (("12345678901234567890.12", "5.10"), "Decimal(38, 2)"),
        (("1234567890123.456", "1.5"), "Decimal(38, 3)"),
        (("0.30000000000000004", "1.5"), "Float64()"),
        (("1.005", "5.1"), "Float64()"),
        (("1" * 39, "5"), "String()"),
    ],
)
def test_digits_that_a_float_would_round_are_kept(values: tuple[str, str], kind: str) -> None:
    declared = declare("No,Amount\n" + "".join(f"{number},{value}\n" for number, value in enumerate(values)))
    assert f"Amount = dy.{kind}  #" in declared


def test_a_header_with_a_line_end_is_no_row() -> None:
    declared = declare('No,"Price\nEUR"\n1,2.50\n2,3.50\n')
    assert "Price_EUR = dy.Decimal(18, 2)" in declared and "header=None" not in declared


def test_lines_above_rows_without_a_header_are_no_rows() -> None:
    assert "The files have no rows of one width" in refusal("|No|Price|\n|1|2|\n|2|3|\n")


def test_a_line_below_others_with_nothing_below_it_is_no_header() -> None:
    assert "The files have no rows of one width" in refusal("x\nhello world\nfoo bar baz\n")


def test_files_without_a_common_column_are_of_two_kinds() -> None:
    assert "no common column" in refusal("No,Price\n1,2\n", "foo;bar;baz\n1;2;3\n")


def test_an_empty_file_is_named() -> None:
    assert "A file is empty" in (message := refusal("No,Price\n1,2\n", "")) and "1.csv" in message


def test_moments_with_and_without_an_offset_are_no_moments() -> None:
    assert "At = dy.String()" in declare("No,At\n1,2024-03-31T02:30:00+01:00\n2,2024-03-31T02:30:00\n")


def test_a_name_in_one_piece_and_in_two_is_one_column() -> None:
    declared = declare("No,\u00c4\n1,2\n", "No,A\u0308\n2,3\n")
    assert "nullable" not in declared and "aliases" not in declared


@pytest.mark.parametrize("directory", ["dataset", "csv", "header", "none", "shop\n\"'"])
def test_no_name_hides_what_the_declaration_needs(directory: str) -> None:
    declare("No,dy,dy_,class,import,__init__,c1,c0\n1,2,3,4,5,6,7,8\n2,2,3,4,5,6,7,8\n", directory=directory)
    (name,) = (line.split()[0] for line in Path("shop.py").read_text().splitlines() if line.endswith("= Dataset("))
    columns = find_dataset(f"shop.py:{name}").schema.columns()
    assert [*columns] == ["No", "dy__2", "dy_", "class_", "import_", "init", "c1", "c0"]


def test_many_different_lines_below_the_rows_are_told_by_their_first_word() -> None:
    words = ("Created", "Checked", "Printed", "Sent", "Closed", "Signed", "Filed")
    declared = declare(*(f"No,Price\n{n},2\n{word} by {word.lower()}er on {n}\n" for n, word in enumerate(words)))
    assert 'footer=(r"Created.*", r"Checked.*"' in declared


@pytest.mark.parametrize(("header", "count", "keyed"), [("Product", 2, False), ("Product", 50, True), ("No", 2, True)])
def test_few_rows_make_no_key_of_a_column_that_is_not_called_one(header: str, count: int, keyed: bool) -> None:
    declared = declare(f"{header},Amount\n" + "".join(f"p{number},1\n" for number in range(count)))
    assert ("primary_key" in declared) is keyed
