"""Nothing runs beside the boundaries: every thread and task is named here, and nobody else swallows exceptions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.repository import FLOWS

pytestmark = pytest.mark.slow

STARTERS = {
    "Thread", "Timer", "Process", "ThreadPoolExecutor", "ProcessPoolExecutor", "create_task", "ensure_future",
    "TaskGroup", "run_in_executor", "to_thread", "run_sync", "run_coroutine_threadsafe", "start_soon", "submit",
    "add_done_callback", "call_soon_threadsafe",
}  # fmt: skip
"""Calls that let something run somewhere else."""

HOOK = "a bare thread: what it raises reaches the session through threading.excepthook"
CALLER = "its caller waits for it, and what it raises is raised there"
GUARDED = "Health.guard is inside"
CHILD = "not in the owner's process"
BOUNDED = "a boundary is inside"

KNOWN = {
    ("runtime/health.py", "Health.__init__"): HOOK,
    ("runtime/health.py", "Health.stop"): HOOK,
    ("runtime/health.py", "Health.start_task"): GUARDED,
    ("runtime/health.py", "Health.run_in_thread"): GUARDED,
    ("runtime/memory.py", "periodic_memory_trim"): HOOK,
    ("ingest/repair.py", "SegmentRepair._repair"): CALLER,
    ("ingest/pipeline.py", "Stages.__init__"): "its calls go through Health.run_in_thread",
    ("ingest/pipeline.py", "Stages.__aexit__"): CALLER,
    ("ingest/pipeline.py", "Stages.load_waiting"): CALLER,
    ("ingest/pipeline.py", "Window.at_home"): CALLER,
    ("ingest/pipeline.py", "Window._arrive"): CALLER,
    ("close_day.py", "close_one_day"): CHILD,
    ("alerts/heartbeat.py", "heartbeat"): BOUNDED,
    ("alerts/service.py", "AlertService.__init__"): BOUNDED,
    ("cube/atoti/start.py", "StartLog.__init__"): HOOK,
    ("cube/bounds.py", "Bounds.interrupting"): HOOK,
    ("datasets/__init__.py", "_real"): CALLER,
    ("installation/demo.py", "_expect"): CHILD,
    ("reading/csv/cells.py", "_parse"): CALLER,
    ("reading/jsonl/layout.py", "extract"): CALLER,
    ("reading/jsonl/rows.py", "JsonRows.add_alike"): CALLER,
    ("web/worker_pool.py", "WorkerPool.__init__"): BOUNDED,
    ("web/worker_pool.py", "WorkerPool.run"): BOUNDED,
    ("web/streams.py", "StreamedAnswer.__init__"): BOUNDED,
    ("web/streams.py", "StreamedAnswer._made"): BOUNDED,
    ("web/streams.py", "StreamedAnswer.stream_response"): "closes the parts, in which a boundary is",
    ("web/hub.py", "Hub.mark_changed"): "sets two events of the loop",
    ("web/hub.py", "Hub.serve"): "the page's own channel, which ends with it",
    ("web/hub.py", "Hub.run"): "Live guards the whole group",
    ("web/hub.py", "Hub._refresh_cells"): BOUNDED,
    ("web/hub.py", "Hub._refresh_overview"): BOUNDED,
    ("web/server.py", "Live._lifespan"): GUARDED,
    ("web/server.py", "LiveServer.__init__"): HOOK,
    ("load_files.py", "ask_session"): CHILD,
    ("orchestration/run_thread.py", "RunThread.__init__"): HOOK,
    ("orchestration/run_thread.py", "RunThread.stop"): "stops the loop",
    ("orchestration/run_thread.py", "RunThread.run"): "forgets what is over",
    ("orchestration/windows.py", "Windows._run_in_background"): "forgets a task that is over",
    ("orchestration/artifacts.py", "publish_findings"): CALLER,
    ("orchestration/artifacts.py", "ProgressArtifact.__aenter__"): BOUNDED,
    ("installation/deployments.py", "PatientRunner.handle_sigterm"): CHILD,
    ("installation/foreground.py", "run_installation"): CHILD,
    ("installation/supervisor.py", "Supervisor.start"): CALLER,
    ("installation/supervisor.py", "Supervisor.end"): CHILD,
    ("installation/prefect_server.py", "PrefectServer.end"): CHILD,
    ("installation/prefect_server.py", "PrefectServer._is_healthy"): CHILD,
}
"""Where something is started → where what it raises ends up."""
HANDED_ON = {("landing/mount_thread.py", "MountCall.run")}
"""What keeps an exception for the one who asked, where it is raised again."""


def parts() -> Iterator[tuple[str, ast.AST, str]]:
    """Every node of the package: its file, itself, and the functions and classes around it."""

    def walk(node: ast.AST, inside: str) -> Iterator[tuple[ast.AST, str]]:
        for child in ast.iter_child_nodes(node):
            yield child, inside
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from walk(child, f"{inside}.{child.name}".lstrip("."))
            else:
                yield from walk(child, inside)

    for file in sorted(FLOWS.rglob("*.py")):
        name = file.relative_to(FLOWS).as_posix()
        for node, inside in walk(ast.parse(file.read_text(encoding="utf-8")), ""):
            yield name, node, inside


def test_every_thread_and_task_is_known_with_the_place_where_its_failure_ends_up() -> None:
    found = set()
    for file, node, inside in parts():
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in STARTERS:
                found.add((file, inside))
    assert found - KNOWN.keys() == set(), "give it a boundary, and name it here"
    assert KNOWN.keys() - found == set(), "it is gone"


def _broad(kind: ast.expr | None) -> bool:
    names = [kind] if not isinstance(kind, ast.Tuple) else kind.elts
    return kind is None or any(getattr(name, "id", "") in ("Exception", "BaseException") for name in names)


def _raises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


def test_nobody_but_the_boundaries_catches_everything_and_goes_on() -> None:
    found = []
    for file, node, inside in parts():
        if file == "runtime/boundaries.py" or (file, inside) in HANDED_ON:
            continue
        if isinstance(node, ast.ExceptHandler) and _broad(node.type) and not _raises(node):
            found.append(f"{file}: {inside}")
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "suppress":
            found += [f"{file}: {inside}" for kind in node.args if _broad(kind)]
    assert found == []
