"""What surrounds the start of Atoti's Java process: terms, licence failures, its open port. Imports no atoti.

Without its licence server the Java process retries for minutes and the client waits for two; here the second refusal
ends it, after about 20 seconds, and the reason is told.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from flows.errors import CubefeedError, EngineUnavailable

TERMS = (
    "Atoti starts a Java process under ActiveViam's licence, "
    "https://docs.activeviam.com/engine/python-sdk/latest/eula. Without ATOTI_LICENSE it is the community edition: "
    "for non-production use, checked over the internet at every start, and it sends usage data to ActiveViam. "
    "Java takes up to a quarter of the memory; JDK_JAVA_OPTIONS=-Xmx8g, for one, sets another limit."
)
UNREACHABLE = "Unable to contact license server"
_REFUSALS = 2
_POLL_S = 0.2
_NEXT_OWN_LICENCE = "set ATOTI_LICENSE to a valid licence, or use --engine duckdb"
_CAUSES: tuple[tuple[str, str, str], ...] = (  # the first that matches: an unreachable server is later called expired
    (
        UNREACHABLE,
        "Atoti's licence server cannot be reached",
        "connect to the internet, set ATOTI_LICENSE, or use --engine duckdb",
    ),
    (r"licen[sc]e.{0,40}expired", "The Atoti licence has expired", _NEXT_OWN_LICENCE),
    (r"licen[sc]e.{0,40}invalid|invalid licen[sc]e", "The Atoti licence is not valid", _NEXT_OWN_LICENCE),
    (
        r"OutOfMemoryError|(maximum|initial) heap|Could not reserve enough space",
        "Java cannot have the memory that it is to take",
        "set JDK_JAVA_OPTIONS=-Xmx…g to what this machine has",
    ),
)
# Rolled, because the Java process writes here for as long as it lives.
_LOGBACK = """<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>${cubefeed.log}</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>${cubefeed.log}.%i</fileNamePattern><minIndex>1</minIndex><maxIndex>1</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>10MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%d %-5level %logger - %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="FILE"/></root>
</configuration>
"""


class StartLog:
    """The log of a Java process that this process starts; while it is entered, refusals end that process.

    `remove` takes the log away, once the Java process is gone.
    """

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="cubefeed-atoti-")
        self._log = Path(self._directory.name, "java.log")
        self._config = Path(self._directory.name, "logback.xml")
        self._config.write_text(_LOGBACK, encoding="utf-8")
        self._started = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="atoti-start", daemon=True)

    @property
    def java_options(self) -> list[str]:
        """The options that make the Java process write this log."""
        return [f"-Dlogback.configurationFile={self._config}", f"-Dcubefeed.log={self._log}"]

    @property
    def text(self) -> str:
        """What has been written."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def __enter__(self) -> Self:
        self._follower.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.set()
        self._follower.join()

    def remove(self) -> None:
        """Take the log away."""
        self._directory.cleanup()

    def _follow(self) -> None:
        while not self._started.wait(_POLL_S):
            if self.text.count(UNREACHABLE) >= _REFUSALS:
                _end_child(str(self._log))
                return


def check_java_home() -> None:
    """Raise if JAVA_HOME names no Java."""
    home = os.environ.get("JAVA_HOME")
    if home and shutil.which("java", path=Path(home, "bin")) is None:
        raise EngineUnavailable(
            "JAVA_HOME names no Java", next_step="unset JAVA_HOME: Atoti brings its own Java", JAVA_HOME=home
        )


def explain_failure(error: BaseException, log: str) -> EngineUnavailable:
    """Why Atoti did not start, from its error and the log of its Java process."""
    output = f"{log}\n{error}"
    for pattern, what, next_step in _CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return EngineUnavailable(what, next_step=next_step)
    return EngineUnavailable("Atoti did not start", next_step="use --engine duckdb", error=last_words(error))


def last_words(error: BaseException) -> str:
    """The kind of an error and its first line."""
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}"[:300]


@contextmanager
def starting(log: StartLog) -> Iterator[None]:
    """Start Java inside; what hinders it is explained by what stands in the log.

    Raises:
        EngineUnavailable: it cannot start; the reason and the way out.
    """
    try:
        check_java_home()
        with log:
            yield
    except CubefeedError:
        log.remove()
        raise
    except Exception as error:
        failure = explain_failure(error, log.text)
        log.remove()
        raise failure from error


def warn_of_open_port(url: str, tell: Callable[[str], None]) -> None:
    """Say so where others than this machine reach Atoti."""
    port = urlsplit(url).port
    addresses = open_addresses(port) if port else []
    if addresses:
        tell(
            f"Atoti listens on {', '.join(addresses)} port {port}: without a password, everybody who reaches this "
            "machine can read the cube. Close the port in the firewall."
        )


def open_addresses(port: int) -> list[str]:
    """The addresses beyond loopback at which this machine listens on a port; unknown (none) outside Linux."""
    tables = (Path("/proc/net", name) for name in ("tcp", "tcp6"))
    return [address for table in tables if table.exists() for address in listening(table.read_text(), port)]


def listening(table: str, port: int) -> list[str]:
    """The addresses beyond loopback that listen on a port.

    Args:
        table: the text of /proc/net/tcp or tcp6.
        port: the port.
    Source: proc_net_tcp in the Linux kernel's documentation; each 4 bytes of an address are in host order.
    """
    found = []
    for line in table.splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        digits, _, local_port = local.partition(":")
        if state == "0A" and int(local_port, 16) == port:
            words = (bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8))
            address = ipaddress.ip_address(b"".join(words))
            mapped = getattr(address, "ipv4_mapped", None)
            if not (mapped or address).is_loopback:
                found.append(str(address))
    return found


def _end_child(marker: str) -> None:
    """Terminate the child of this process whose command line holds the marker."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and marker.encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGTERM)
