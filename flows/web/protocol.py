"""What goes over a connection of the live page, in bounds: a request's head, and a page's channel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from flows.errors import QueryError
from flows.web.answers import refuse
from flows.web.connections import Connection, Connections
from flows.web.headers import SECURE_HEADERS

URL_BYTES = 8_000
"""Browsers and proxies take no longer ones; a question with a hundred conditions fits."""
HEAD_BYTES = 16_384
"""All headers together, with their names: what other servers take too."""
HEADERS = 100
"""Their number; a browser behind two proxies sends thirty."""
BODY_BYTES = 4_096
"""No request here has a body; what is sent all the same is thrown away up to so much."""
MESSAGE_BYTES = 1024
"""Pages have nothing to say; one that sends more than this at once is cut off."""
RECEIVED_BYTES = 8_192
RECEIVED_READS = 200
"""What a page may send in RECEIVED_S: a browser answers a ping of a few bytes every 20 s. It costs time of the data's
to look at it, and so one that sends more is cut off."""
RECEIVED_S = 10.0
CLOSE_S = 1.0
"""How long a page may take to read that its channel is closed."""


class BoundedHead(h11.Connection):
    """The state of one connection; a request's head, and what follows it, may be so large.

    Args:
        on_request: called when a request has come.
    """

    def __init__(self, on_request: Callable[[], None]) -> None:
        super().__init__(h11.SERVER, URL_BYTES + HEAD_BYTES)
        self._on_request = on_request
        self._body_bytes = 0
        self.problem = QueryError("That is no request", next_step="speak HTTP/1.1"), 400
        """The answer to what cannot be taken."""

    def next_event(self) -> Any:
        """The next thing that was received.

        Raises:
            h11.RemoteProtocolError: it is no HTTP, or too large.
        """
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                self._refuse("The request's head is too large", URL_BYTES + HEAD_BYTES, "send less", 431)
            raise
        if isinstance(event, h11.Request):
            self._on_request()
            self._body_bytes = 0
            self._check(event)
        elif isinstance(event, h11.Data):
            self._body_bytes += len(event.data)
            if self._body_bytes > BODY_BYTES:
                self._refuse("The request has a body", BODY_BYTES, "send none", 413)
        return event

    def _check(self, request: h11.Request) -> None:
        headers = list(request.headers)
        if len(request.target) > URL_BYTES:
            self._refuse("The URL is too long", URL_BYTES, "ask for less at once: fewer conditions", 414)
        if len(headers) > HEADERS:
            self._refuse("There are too many headers", HEADERS, "send fewer", 431)
        if sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES:
            self._refuse("The headers are too large", HEAD_BYTES, "send less; cookies of other programs count", 431)

    def _refuse(self, what: str, most: int, next_step: str, status: int) -> None:
        self.problem = QueryError(what, next_step=next_step, most=most), status
        raise h11.RemoteProtocolError(what, error_status_hint=status)


class BoundedProtocol(H11Protocol):
    """A connection over which requests come."""

    def __init__(self, *args: Any, bounds: Connections, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn: BoundedHead = BoundedHead(self._begin)
        self.ws_protocol_class = partial(Channel, bounds=bounds)  # type: ignore[assignment]  # called, and nothing else
        self._bounds = bounds
        self._held: Connection | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Hold it, and let go of others."""
        super().connection_made(transport)
        self._held = self._bounds.take(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._bounds.release(self.transport)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be read than is sent at once."""
        super().pause_writing()
        self._bounds.bound_unsent()

    def resume_writing(self) -> None:
        """What was sent at once is being read: between two looks at what waits, as much may have come anew."""
        super().resume_writing()
        if self._held is not None:
            self._held.progress()

    def on_response_complete(self) -> None:
        """The next request may come."""
        if self._held is not None:
            self._held.end()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be taken, where nothing else is being answered; and nothing more is taken."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or self._is_answering:
            self.transport.abort()
            return
        answer = refuse(*self.conn.problem)
        answer.headers.update(SECURE_HEADERS)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _begin(self) -> None:
        if self._held is not None:
            self._held.begin()


class Channel(WebSocketsSansIOProtocol):
    """A page's channel: what the page sends is dropped unread, and may be little."""

    def __init__(self, *args: Any, bounds: Connections, **options: Any) -> None:
        super().__init__(*args, **options)
        self._bounds = bounds
        self._received_bytes = self._received_reads = 0
        self._received_since = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was a connection over which requests come."""
        super().connection_made(transport)
        self._bounds.of(self.transport).is_channel = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._bounds.release(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the page sends, if that is not too much."""
        if self.handshake_initiated and self._is_too_much(len(data)):
            self.transport.abort()
            return
        super().data_received(data)
        if not self.handshake_initiated:  # the whole head is here, and it opens no channel
            self.transport.abort()

    def send_receive_event_to_app(self) -> None:
        """Drop it: nothing here takes messages of a page."""
        self.frames = []

    def handle_parser_exception(self) -> None:
        """What was sent is no channel's, or too large."""
        if self.conn.close_sent is None:
            self.transport.abort()
        else:
            super().handle_parser_exception()

    def pause_writing(self) -> None:
        """More waits to be read than is sent at once."""
        super().pause_writing()
        self._bounds.bound_unsent()

    def keepalive_timeout(self) -> None:
        """The page does not answer, and would not read that it is closed either."""
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send something; the end does not wait until it is read."""
        if message["type"] == "websocket.close":
            self.loop.call_later(CLOSE_S if self.writable.is_set() else 0.0, self.transport.abort)
            if not self.writable.is_set():
                return
        await super().send(message)

    def _is_too_much(self, size: int) -> bool:
        now = time.monotonic()
        if now - self._received_since > RECEIVED_S:
            self._received_bytes, self._received_reads, self._received_since = 0, 0, now
        self._received_bytes += size
        self._received_reads += 1
        return self._received_bytes > RECEIVED_BYTES or self._received_reads > RECEIVED_READS
