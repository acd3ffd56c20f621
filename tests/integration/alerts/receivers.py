"""Where alerts arrive: a real HTTP receiver and a real mail server, on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

SECRET = "s3cret-of-the-receiver"
"""What no log, ledger or message may hold."""


@dataclass
class HttpReceiver:
    """What has arrived by HTTP, and the status that it answers with."""

    port: int = 0
    status: int = 200
    called: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """In CUBEFEED_ALERTS."""
        return f"json://127.0.0.1:{self.port}/{SECRET}"

    @property
    def url(self) -> str:
        """In CUBEFEED_HEARTBEAT_URL."""
        return f"http://127.0.0.1:{self.port}/{SECRET}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


@contextmanager
def http_receiver(*, port: int = 0) -> Iterator[HttpReceiver]:
    """A receiver at a free port, or at one that it had before."""
    received = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the library has it
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()
            if received.status == 200:
                received.messages.append(json.loads(body))

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            received.called.append(f"{self.command} {self.path}")
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        received.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@dataclass
class MailServer:
    """What has arrived by mail."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def address(self) -> str:
        """In CUBEFEED_ALERTS."""
        return f"mailto://feed:{SECRET}@127.0.0.1:{self.port}?from=feed@example.org&to=ops@example.org&mode=insecure"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["subject"]) for mail in self.mails]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """As aiosmtpd calls it."""
        assert envelope.rcpt_tos == ["ops@example.org"]
        content = cast("bytes", envelope.content)
        self.mails.append(BytesParser(policy=default).parsebytes(content))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server at a free port that wants the password."""
    received, loop, stopping = MailServer(), asyncio.new_event_loop(), asyncio.Event()
    serving = threading.Event()

    def sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == SECRET.encode())

    def make_session() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # a password without TLS is fine on loopback
            return SMTP(received, authenticator=sign_in, auth_required=True, auth_require_tls=False)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(make_session, "127.0.0.1", 0)
        async with server:
            received.port = server.sockets[0].getsockname()[1]
            serving.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert serving.wait(10)
    try:
        yield received
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
