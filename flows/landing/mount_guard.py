"""Whether a landing directory is the one that it was, so that a mount that is away is not taken for one whose files
were deleted.

Device and inode numbers change with a reboot, a new mount or a container: where they differ the files themselves say
whether it is the same directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from flows.landing.identity import DirectoryIdentity, DirectoryRecord
from flows.landing.listing import Listing
from flows.model.files import Signature, shown
from flows.text.plural import counted, were


class MountGuard:
    """Judges whether what is missing from a listing is missing.

    Args:
        dataset: the dataset's name.
        record: what was remembered.
        newcomers: files that were recorded while the directory was in doubt: they say nothing about what it was.
    """

    def __init__(self, dataset: str, record: DirectoryRecord, newcomers: Iterable[bytes] = ()) -> None:
        self.record = record
        self.replaced = False
        """Whether another directory lies there now, of whose files a minority is as it was: what a known file holds
        there says nothing of it, until somebody accepts that."""
        self._way_out = f"if it is right as it is now, say so by cubefeed landing accept {dataset}"
        self._newcomers = set(newcomers)

    def note_recorded(self, paths: Iterable[bytes]) -> None:
        """These files are known now."""
        if self.record.doubted:
            self._newcomers.update(paths)

    def forget_root(self) -> None:
        """The landing directory was removed or moved: the next one in its place may have the same numbers."""
        identities = {directory: identity for directory, identity in self.record.identities.items() if directory}
        self.record = self.record._replace(identities=identities)

    def find_doubt(
        self, listing: Listing, recorded: Mapping[bytes, Signature], missing: Set[bytes], *, unloads: bool
    ) -> str | None:
        """Why a listing that is whole does not say that files are gone or corrected; None where it does.

        A directory that is empty is believed only where no rows leave the cube for it.

        Args:
            listing: the listing.
            recorded: the files that are known.
            missing: those of them that are not in the listing.
            unloads: whether the rows of files that are gone leave the cube.
        """
        identities = self._seen_or_known(listing)
        problem = self._emptied(listing, len(missing), unloads=unloads) if missing else None
        self.replaced = False
        if problem is None:
            problem = self._other(identities, listing, recorded, missing)
            self.replaced = problem is not None
        if problem is None:
            self.accept(listing)
        else:
            self.record = self.record._replace(doubted=True)
        return problem

    def accept(self, listing: Listing) -> None:
        """The directory is right as it is listed: what is missing from it is gone."""
        self._newcomers.clear()
        self.replaced = False
        self.record = DirectoryRecord(self._seen_or_known(listing))

    def _seen_or_known(self, listing: Listing) -> dict[bytes, DirectoryIdentity]:
        """The identities that were listed, and those that are known where nothing could be seen."""
        known = self.record.identities.items()
        return {path: identity for path, identity in known if listing.is_unseen(path)} | dict(listing.identities)

    def _emptied(self, listing: Listing, missing: int, *, unloads: bool) -> str | None:
        same = listing.identities[b""] == self.record.identities.get(b"")
        if listing.files or (same and not unloads):
            return None
        also = ", or let the next file land" if same else ""
        return (
            f"the directory is empty, as an unmounted one is, and {counted(missing, 'file')} {were(missing)} there; "
            f"nothing is unloaded for that. Put back what was there; {self._way_out}{also}"
        )

    def _other(
        self,
        now: Mapping[bytes, DirectoryIdentity],
        listing: Listing,
        recorded: Mapping[bytes, Signature],
        missing: Set[bytes],
    ) -> str | None:
        before = self.record.identities
        for directory in sorted(before.keys() | now.keys()):
            if before.get(directory) == now.get(directory):
                continue
            known = [path for path in recorded if path.startswith(directory) and path not in self._newcomers]
            if missing.isdisjoint(known) and not _is_other(before.get(directory), now.get(directory)):
                continue
            seen = sum(_is_as_known(recorded[path], listing.files.get(path)) for path in known)
            if 2 * seen < len(known):
                where = shown(directory) or "the landing directory"
                kind = _kind(directory, before.get(directory), now.get(directory))
                count = f"{seen:,}" if seen else "none"
                return (
                    f"{where} is {kind} now, with {count} of its {len(known):,} files; nothing is unloaded "
                    "or corrected for that. "
                    f"Put back what was there; {self._way_out}"
                )
        return None


def _is_other(before: DirectoryIdentity | None, now: DirectoryIdentity | None) -> bool:
    """Whether it is another directory for certain: the device may have another number after a reboot."""
    return before is not None and now is not None and before.inode != now.inode


def _is_as_known(known: Signature, seen: Signature | None) -> bool:
    return seen is not None and (seen.size_bytes, seen.mtime_ns) == (known.size_bytes, known.mtime_ns)


def _kind(directory: bytes, before: DirectoryIdentity | None, now: DirectoryIdentity | None) -> str:
    """How a directory differs from what it was; the root may have been remembered nowhere."""
    of_root = not directory and (before is None or now is None)
    same_device = before is not None and now is not None and before.device == now.device
    return "another directory" if of_root or same_device else "on another file system"
