"""The server, and places whose processes use it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.program import Place, Prefect, started_program
from tests.waiting import until

SECRET = "admin:secret"


@dataclass
class Server:
    """A Prefect server with basic authentication that Cubefeed has not started."""

    port: int
    root: Path
    places: list[Place] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def prefect(self) -> Prefect:
        return Prefect(f"http://{SECRET}@127.0.0.1:{self.port}")

    def place(self, name: str) -> Place:
        """A directory with the sample files, whose processes use this server."""
        (self.root / name).mkdir()
        place = Place(self.root / name)
        place.use_server(self.url, SECRET)
        self.places.append(place)
        return place


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests here, since a start takes seconds."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    made = Server(port, tmp_path_factory.mktemp("server"))
    own = made.place("own")
    own.environment["PREFECT_SERVER_API_AUTH_STRING"] = SECRET
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with started_program(own, "server", *command):
        until(lambda: made.prefect.get("/health"), what="the server answers")
        yield made
    for place in made.places:
        place.assert_nothing_left()


@pytest.fixture
def place(server: Server, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place of its own; at the end no deployment of it is left on the server, and no process."""
    made = server.place(request.node.name[:60])
    yield made
    made.assert_nothing_left()
    for each in server.prefect.post("/deployments/filter", {}):
        server.prefect.delete(f"/deployments/{each['id']}")
