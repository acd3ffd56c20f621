"""Rows as an Arrow IPC stream: every value in its own type, and no Python object for any of them."""

from __future__ import annotations

from collections.abc import Generator

import orjson
import pyarrow as pa

from flows.web.chunks import Chunks
from flows.web.extract import Extract

METADATA = b"cubefeed"
"""Where the metadata of the schema has the facts of the answer, as JSON."""


def arrow_stream(rows: Extract) -> Generator[bytes]:
    """The bytes of a stream, a batch of rows at a time."""
    written = Chunks()
    with pa.ipc.new_stream(written, arrow_schema(rows)) as writer:
        for frame in rows.frames:
            writer.write_table(rows.arrow_of(frame))
            yield written.take()
    yield written.take()


def arrow_schema(rows: Extract) -> pa.Schema:
    """The columns in the types of Arrow, with the facts of the answer."""
    return rows.arrow_of(rows.empty).schema.with_metadata({METADATA: orjson.dumps(dict(rows.facts))})
