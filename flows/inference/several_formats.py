"""What was understood of samples of several formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flows.errors import QueryError
from flows.inference.draft import Draft
from flows.inference.evidence import Decision
from flows.inference.format_draft import FormatDraft
from flows.inference.paths import name_pattern
from flows.inference.source_text import FormatText
from flows.model.file_names import name_matcher
from flows.model.files import first_names
from flows.text.plural import counted


@dataclass(frozen=True)
class SeveralFormatsDraft(Draft):
    """What was understood of files whose names say in which format they are.

    Args:
        parts: what was understood of each format.
    """

    parts: Sequence[FormatDraft]

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.parts)

    def formats(self) -> list[FormatText]:
        return [FormatText(glob, part.format_class.__name__, [*part.format_arguments()]) for glob, part in self._globs]

    def pattern(self) -> str:
        return ""

    def format_decisions(self) -> Iterator[Decision]:
        for glob, part in self._globs:
            yield Decision(glob, part.format_class.__name__, counted(len(part.samples), "file"))
            yield from (replace(each, what=f"{glob}: {each.what}") for each in part.format_decisions())

    @cached_property
    def _globs(self) -> list[tuple[str, FormatDraft]]:
        """The globs of all formats, such as take all names last.

        Raises:
            QueryError: names do not tell the formats apart.
        """
        globs = [(name_pattern([sample.file for sample in part.samples]), part) for part in self.parts]
        ordered = sorted(globs, key=lambda each: each[0] == "*")
        for place, (glob, _) in enumerate(ordered):
            others = [sample.file.name for _, part in ordered[place + 1 :] for sample in part.samples]
            if any(map(name_matcher(glob), others)):
                raise QueryError(
                    "The files are of several formats, and their names do not say which is which",
                    next_step="rename them, so that those of each format end alike, or name the files of one format",
                    files="; ".join(
                        f"{part.format_class.__name__}: {first_names([each.path for each in part.samples], 1)}"
                        for part in self.parts
                    ),
                )
        return ordered
