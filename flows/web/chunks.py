"""What is written to a file, bit by bit, on its way to who asked for it."""

from __future__ import annotations

import io


class Chunks(io.RawIOBase):
    """A file that is only written, from the front to the back; what was written is taken out and forgotten."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, part: object, /) -> int:
        """Keep a copy: whoever writes may use its memory again."""
        data = bytes(memoryview(part))  # type: ignore[arg-type]  # bytes, or a buffer of Arrow's
        self._written.append(data)
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        return self._place

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._written = b"".join(self._written), []
        return taken
