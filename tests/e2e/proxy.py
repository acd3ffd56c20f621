"""A small reverse proxy with a host name of its own and HTTPS, as people put before the live page."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "cube.example"
END = b"\r\n\r\n"


class ReverseProxy:
    """Hands each connection on with the headers that say how it came, WebSockets too; one request per connection."""

    def __init__(self, upstream_port: int, secured: ssl.SSLContext) -> None:
        self._upstream_port = upstream_port
        self._secured = secured
        self.port = 0

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        async with await asyncio.start_server(self._hand_on, "127.0.0.1", 0, ssl=self._secured) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()

    async def _hand_on(self, browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await browser.readuntil(END)).decode("latin-1")
            session, onward = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            onward.write(self._forwarded(head, str(back.get_extra_info("peername")[0])).encode("latin-1"))
            await asyncio.gather(_copy(browser, onward), _copy(session, back))
        back.close()

    def _forwarded(self, head: str, peer: str) -> str:
        request, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        host = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:"))
        kept = [line for line in lines if not line.lower().startswith(("host:", "x-forwarded"))]
        if not any(line.lower().startswith("upgrade:") for line in kept):
            kept = [line for line in kept if not line.lower().startswith("connection:")] + ["Connection: close"]
        output = [
            f"Host: 127.0.0.1:{self._upstream_port}",
            f"X-Forwarded-For: {peer}",
            "X-Forwarded-Proto: https",
            f"X-Forwarded-Host: {host}",
        ]
        return "\r\n".join([request, *output, *kept]) + "\r\n\r\n"


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()


@contextlib.contextmanager
def proxied(upstream_port: int, scratch: Path) -> Iterator[str]:
    """A proxy in front of a port. Yields its address, by a name that the browser has to be told."""
    ready, box = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()
    proxy = ReverseProxy(upstream_port, _certified(scratch))

    async def run() -> None:
        stop = asyncio.Event()
        box.append((asyncio.get_running_loop(), stop))
        await proxy.serve(ready, stop)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield f"https://{NAME}:{proxy.port}"
    finally:
        loop, stop = box[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _certified(scratch: Path) -> ssl.SSLContext:
    """A context with a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = scratch / "proxy.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
