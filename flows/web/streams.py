"""An answer that is made while it is sent, so that it is never in memory as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from starlette.responses import StreamingResponse
from starlette.types import Send

PART_BYTES = 1 << 18
"""What is handed on at once: whoever reads slowly is seen to read."""


@dataclass(frozen=True)
class Stream:
    """An answer in parts.

    Args:
        parts: makes them, all in one thread; closed whatever happens, also where who asked leaves.
        media_type: what they are.
        headers: what else is said of them.
    """

    parts: Generator[bytes]
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Cut(Exception):
    """The parts end before their end. It was told already, and who reads them has to see that they are not all."""


class StreamedAnswer(StreamingResponse):
    """Sends a stream no faster than it is read.

    Where its parts are cut, so is the connection, so that nobody takes some of them for all.

    Args:
        stream: what to send.
        at_once: how many streams are worked on at a time.
    """

    def __init__(self, stream: Stream, at_once: asyncio.Semaphore) -> None:
        self._stream = stream
        self._at_once = at_once
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-stream")
        super().__init__(self._made(), headers=stream.headers, media_type=stream.media_type)

    async def stream_response(self, send: Send) -> None:
        """Send all of it."""
        try:
            await super().stream_response(send)
        except Cut:
            return  # what serves this closes the connection, since nobody has said that the answer is complete
        finally:
            self._thread.submit(self._stream.parts.close)  # behind the part that may be under way
            self._thread.shutdown(wait=False)

    async def _made(self) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        part: bytes | None = b""
        while part is not None:
            async with self._at_once:
                part = await loop.run_in_executor(self._thread, self._next)
            for start in range(0, len(part or b""), PART_BYTES):
                yield (part or b"")[start : start + PART_BYTES]

    def _next(self) -> bytes | None:
        return next(self._stream.parts, None)
