"""`prefect deploy` with the file in `deployments/` makes what `cubefeed deploy` makes."""

from __future__ import annotations

import sys
from typing import Any
from uuid import uuid4

from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from ruamel.yaml import YAML

from flows.datasets import load_datasets
from flows.installation.deployments import declared_deployments
from flows.installation.run_environment import RUN_ENVIRONMENT
from flows.installation.worker_run import COMMAND
from flows.orchestration.automations import restart_automation
from flows.orchestration.declared import Declared, schedule_text
from flows.settings import Settings
from tests.repository import ROOT

FILE = YAML(typ="safe").load((ROOT / "deployments" / "prefect.yaml").read_text())


def of_the_file(deployment: dict[str, Any]) -> dict[str, Any]:
    """What the file declares of a deployment; Prefect takes its description from the flow."""
    return {
        "name": deployment["name"],
        "entrypoint": deployment["entrypoint"],
        "tags": deployment["tags"],
        "parameters": deployment.get("parameters", {}),
        "schedules": [f"{each['cron']} {each['timezone']}" for each in deployment.get("schedules", [])],
    }


def of_the_command(declared: Declared) -> dict[str, Any]:
    """The same of what `cubefeed deploy` declares."""
    first = declared.first_schedule
    return {
        "name": declared.name,
        "entrypoint": declared.entrypoint,
        "tags": declared.tags,
        "parameters": declared.parameters,
        "schedules": [schedule_text(first.schedule)] if first is not None else [],
    }


def test_it_declares_the_same_deployments() -> None:
    declared = declared_deployments("", load_datasets(Settings()))
    assert [of_the_file(each) for each in FILE["deployments"]] == [of_the_command(each) for each in declared]


def test_its_runs_are_started_in_the_same_way() -> None:
    assert FILE["definitions"]["pool"]["job_variables"] == {
        "command": COMMAND.replace(sys.executable, "python"),
        "working_dir": "{{ $PWD }}",
        "env": dict(RUN_ENVIRONMENT),
    }
    assert all(each["work_pool"] == FILE["definitions"]["pool"] for each in FILE["deployments"])


def test_its_session_starts_again_after_a_crash_by_the_same_automation() -> None:
    (trigger,) = (trigger for each in FILE["deployments"] for trigger in each.get("triggers", ()))
    live = uuid4()
    declared = DeploymentEventTrigger.model_validate(trigger)
    declared.set_deployment_id(live)
    ours, theirs = restart_automation("", live), declared.as_automation()
    for each in (ours, theirs):
        each.description = ""
    theirs.owner_resource = None
    hidden = {"trigger": {"id"}}
    assert theirs.model_dump(mode="json", exclude=hidden) == ours.model_dump(mode="json", exclude=hidden)
