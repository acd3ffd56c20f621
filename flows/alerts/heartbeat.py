"""Calls an address every minute while all is well, so that its receiver notices when nothing is left to tell it.

A GET is what such receivers take for a sign of life; whatever it answers with 200 to 299 is a yes
(https://healthchecks.io/docs/http_api/).
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.errors import DeclarationError
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import HEARTBEAT_VARIABLE

log = logging.getLogger(__name__)

EVERY_S = 60.0
SOON_S = 1.0
"""How often it is looked whether all is well again."""
TIMEOUT_S = 10.0
END_S = 1.0


def configured_heartbeat() -> str | None:
    """The address in this process's environment, which may hold a secret.

    Raises:
        DeclarationError: it is none.
    """
    url = os.environ.get(HEARTBEAT_VARIABLE.name, "").strip()
    if url and not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise DeclarationError(
            f"{HEARTBEAT_VARIABLE.name} is no address", next_step="set it to one that begins with https:// or http://"
        )
    return url or None


@contextmanager
def heartbeat(url: str, is_well: Callable[[], bool]) -> Iterator[None]:
    """Call an address as long as the block runs; nothing waits for it.

    Args:
        url: the address.
        is_well: whether it is to be called now.
    """
    ending = threading.Event()
    thread = threading.Thread(target=_beat, args=(url, is_well, ending), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(END_S)


def _beat(url: str, is_well: Callable[[], bool], ending: threading.Event) -> None:
    answers = True
    while not ending.is_set():
        called = False
        try:
            with boundary(Scope.TELLING):
                called = is_well()
                if called:
                    _call(url)
        except NothingFailed as failed:
            if answers:
                log.warning("the receiver of the heartbeat did not take it, and is called again: %s", failed)
            answers = False
        else:
            if called and not answers:
                log.info("the receiver of the heartbeat takes it again")
            answers = answers or called
        ending.wait(EVERY_S if called else SOON_S)


def _call(url: str) -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT_S):
            pass
    except HTTPError as error:
        error.close()  # it holds the connection
        raise
