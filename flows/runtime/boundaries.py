"""What an exception may end. The one place that decides it, by what was being done when it was raised.

| what was being done | what ends |
|---|---|
| a file: reading, checking, `prepare`, a rule | that file: it is refused with a finding; where a disk is full, the dataset, for nothing is wrong with the file |
| a dataset: listing, mending, writing a segment | that dataset: it is degraded, and tried again |
| a question: query, report page, files, status | that question: who asked gets an error |
| a request: load, verify, close-day, report | that request: it fails with its reason |
| the cube and the ledger: stage, apply, rebuild | the session, which the next start rolls forward; where the disk is full, the ledger locked or memory short, the dataset, which is tried again |
| telling Prefect, or people: alerts, the heartbeat | nothing: the data goes on |
| anything else, in any thread or task | the session |

A library may raise what is no `Exception` (a panic in Rust, `sys.exit()` in somebody's `prepare`): nothing here takes it
for less. What was decided further in is not decided again.
"""  # noqa: E501  # the table

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import assert_never

from flows.errors import CubefeedError, EngineLost, plain
from flows.redaction import without_secrets
from flows.runtime.shortages import is_full, is_locked, is_out_of_memory

SHOWN = 1_000
"""Characters of an exception that people are shown."""


class Scope(Enum):
    """How far an exception can reach: what was being done when it was raised."""

    FILE = "a file"
    DATASET = "a dataset"
    QUESTION = "a question"
    REQUEST = "a request"
    CUBE = "the cube and the ledger"
    PREFECT = "telling Prefect"
    TELLING = "telling people"
    OTHER = "anything else"


class Failure(Exception):
    """Something failed, and the subclass says what ends with it.

    Args:
        cause: what was raised.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return describe(self.cause)


class FileFailed(Failure):
    """A file could not be read or checked."""


class DatasetFailed(Failure):
    """A dataset cannot load now; nothing has changed, or what has changed is staged and rolled forward."""


class QuestionFailed(Failure):
    """A question has no answer."""


class RequestLost(Failure):
    """A request could not be carried out."""


class NothingFailed(Failure):
    """Prefect, or a receiver of alerts, does not answer; nothing ends with it."""


class SessionFailed(Failure):
    """The session has to end, and to start again."""


@contextmanager
def boundary(scope: Scope) -> Iterator[None]:
    """Raise in place of whatever the block raises the failure that says what ends with it.

    Errors that are an answer to a question or a request (a level that there is not) pass as they are, and so does the
    cancellation of a task.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, Failure) or _passes(scope, error):
            raise
        raise _failure(scope, error)(error) from error


def describe(error: BaseException) -> str:
    """An exception in one line of at most SHOWN characters, without secrets, for people; a log has the rest."""
    if isinstance(error, CubefeedError):
        return str(error)
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return describe(error.exceptions[0])
    short = without_secrets(str(error)[: 2 * SHOWN])[:SHOWN]  # a library may quote a file whole
    first, *_ = short.splitlines() or [""]
    return f"{type(error).__name__}: {plain(first)}" if first else type(error).__name__


def _passes(scope: Scope, error: BaseException) -> bool:
    if scope is Scope.FILE:
        return False
    import asyncio  # here, since commands without a loop fail less often than they start

    if isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt):
        return True
    answers = scope in (Scope.QUESTION, Scope.REQUEST)
    return answers and isinstance(error, CubefeedError) and not isinstance(error, EngineLost)


def _failure(scope: Scope, error: BaseException) -> type[Failure]:
    match scope:
        case Scope.FILE:
            return DatasetFailed if is_full(error) else FileFailed
        case Scope.DATASET:
            return DatasetFailed
        case Scope.QUESTION:
            return SessionFailed if isinstance(error, EngineLost) else QuestionFailed
        case Scope.REQUEST:
            return SessionFailed if isinstance(error, EngineLost) else RequestLost
        case Scope.CUBE:
            passing = is_full(error) or is_locked(error) or is_out_of_memory(error)
            return DatasetFailed if passing else SessionFailed
        case Scope.PREFECT | Scope.TELLING:
            return NothingFailed
        case Scope.OTHER:
            return SessionFailed
        case _:
            assert_never(scope)
