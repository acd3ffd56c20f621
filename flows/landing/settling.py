"""When a file is complete: what it waits for, and until when.

Nothing here is remembered. All of it may touch the file system, so it is called from the mount's thread.
"""

from __future__ import annotations

import os

from flows.landing.events import Hint
from flows.landing.file_clock import TICK_S
from flows.landing.own_end import find_missing_end
from flows.landing.pending_files import PendingFile, Wait
from flows.landing.tree import find_signature
from flows.model.dataset import Dataset
from flows.model.files import shown

NO_NEWLINE_S = 2.0
"""A file that does not end in a line end may be half written: how long it must be unchanged at least."""
NO_OWN_END_S = 10.0
"""How often the end of half a file is looked for; a change of it is seen sooner."""
OPEN_S = 5.0
"""A file that a local process still holds open for writing: how long it must be unchanged at least."""
EMPTY_S = 30.0
"""A file of 0 bytes is waiting to be filled; unchanged for this long it is reported."""
COMPANION_S = 1.0
"""How often a marker or a manifest is looked for; where events are heard they tell sooner."""


class SettlingRules:
    """The rules of one dataset.

    Args:
        dataset: whose files these are.
        settle_s: seconds without a change after which a file counts as complete.
    """

    def __init__(self, dataset: Dataset, *, settle_s: float) -> None:
        self.settle_s = settle_s
        self._dataset = dataset
        self._root = dataset.root

    def quiet_s(self, hint: Hint) -> float:
        """How long a file must be unchanged at least."""
        if self._dataset.completeness.marker is not None:
            return TICK_S
        if hint is Hint.OPEN:
            return max(OPEN_S, self.settle_s)
        own_event_tells_all = hint is Hint.COMPLETE and self._dataset.completeness.manifest is None
        return TICK_S if own_event_tells_all else self.settle_s

    def find_wait(self, path: bytes, pending: PendingFile, now: float) -> Wait | None:
        """What a file waits for; None where it is complete."""
        companion = self._find_companion_wait(path)
        if companion is not None:
            return Wait(companion, now + COMPANION_S)
        quiet_s = self.quiet_s(pending.hint)
        if pending.signature.size_bytes == 0 and self._dataset.completeness.marker is None:
            settled, ended = max(quiet_s, EMPTY_S), 0.0
            waits_for = "content: the file is empty"
        else:
            settled, ended = quiet_s, NO_NEWLINE_S
            waits_for = "to settle"
        if now < pending.since + settled:
            return Wait(waits_for, pending.since + settled)
        return self._find_end_wait(path, now, pending.since + ended)

    def _find_end_wait(self, path: bytes, now: float, ended: float) -> Wait | None:
        """A text may end without a line end, only later; half of a file that says where it ends is never complete."""
        if self._dataset.completeness.marker is not None:
            return None
        end = "zip" if self._dataset.is_archive(path) else self._dataset.of_file(path).first_format.end
        missing = find_missing_end(self._root, path, end)
        if missing is None or (not missing.must_come and now >= ended):
            return None
        return Wait(missing.words, now + NO_OWN_END_S if missing.must_come else ended)

    def _find_companion_wait(self, path: bytes) -> str | None:
        if self._dataset.completeness.manifest is not None:
            manifest = path + self._dataset.completeness.manifest.encode()
            if find_signature(self._root, manifest) is None:
                return f"its manifest {shown(os.path.basename(manifest))}"
        if self._dataset.completeness.marker is not None:
            marker = path + self._dataset.completeness.marker.encode()
            marked, file = find_signature(self._root, marker), find_signature(self._root, path)
            if marked is None or file is None:
                return f"its marker {shown(os.path.basename(marker))}"
            if marked.ctime_ns < file.ctime_ns:
                return "a newer marker"
        return None
