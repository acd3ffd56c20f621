"""What a log names of a batch."""

from flows.ingest.work import NAMED, FileOutcome, Outcome


def test_a_log_names_the_first_files_and_the_first_refused_ones() -> None:
    states = ["quarantined" if number >= 900 else "loaded" for number in range(1_000)]
    outcome = Outcome("sales", tuple(FileOutcome(f"{number}.csv", state) for number, state in enumerate(states)))
    files, more = outcome.named()
    assert [file.file for file in files] == [f"{number}.csv" for number in [*range(NAMED), *range(900, 900 + NAMED)]]
    assert more == 1_000 - 2 * NAMED


def test_a_log_names_every_file_of_a_small_batch_once() -> None:
    files = tuple(FileOutcome(f"{number}.csv", "quarantined") for number in range(NAMED))
    assert Outcome("sales", files).named() == (list(files), 0)
