"""Whether a state directory is still the one that its session has opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flows.errors import StateError

type Inode = tuple[int, int]
"""Device and number of a file; they stay while it is open."""


@dataclass(frozen=True)
class Hold:
    """Files of a state directory that this process holds open.

    What is written into a file that was taken away is lost, and where another lies in its place another process may
    write that one too.

    Args:
        root: the directory.
        opened: file → what it was when it was opened.
    """

    root: Path = Path()
    opened: Mapping[Path, Inode] = field(default_factory=dict)

    @classmethod
    def on(cls, root: Path, *files: Path) -> Hold:
        """The hold on files that were just opened."""
        return cls(root, {file: inode for file in files if (inode := _inode(file)) is not None})

    def require_ours(self) -> None:
        """Nothing to be said where all of the files are away, as those of an unmounted directory are.

        Raises:
            StateError: some are, or others lie in their place.
        """
        lost = self._lost()
        if not lost or self._is_away(lost):
            return
        file, another = next(iter(lost.items()))
        what = f"{file.name} is gone" if another is None else f"{file.name} is another file now"
        raise StateError(
            f"The state directory is not what this session has opened ({what})",
            next_step="put back what was there, see that nothing else runs on it, and start again",
            state=self.root,
        )

    def require_there(self) -> None:
        """Raise where all of the files are away.

        Raises:
            StateError: they are.
        """
        if self._is_away(self._lost()):
            raise StateError(
                "The state directory is gone",
                next_step="put it back or mount it; else end this session, and start one without it",
                state=self.root,
            )

    def _lost(self) -> dict[Path, Inode | None]:
        """The files that are not there any more, and what lies in their place."""
        return {file: there for file, inode in self.opened.items() if (there := _inode(file, inode)) != inode}

    def _is_away(self, lost: Mapping[Path, Inode | None]) -> bool:
        return len(self.opened) == len(lost) > 0 and set(lost.values()) == {None}


def _inode(file: Path, unknown: Inode | None = None) -> Inode | None:
    """What a file is, None where there is none; what cannot be seen is unknown."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return unknown
    return found.st_dev, found.st_ino
