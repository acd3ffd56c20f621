"""The alerts of `up`: what the session cannot tell, since it has ended or was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.alerts.addresses import configured_addresses
from flows.alerts.heartbeat import configured_heartbeat
from flows.alerts.receivers import require_usable
from flows.alerts.service import AlertService
from flows.alerts.supervisor_look import SupervisorLook
from flows.store.alerts import AlertRecord, AlertSource, load_alerts, save_alerts
from flows.store.installation import installation_id
from flows.store.ledger_file import open_ledger
from flows.store.state_directory import StateDirectory

PATIENCE_S = 1.0


@dataclass(frozen=True)
class SupervisorAlerts:
    """Alerts in a ledger that is opened for a moment each time: a restore may put another one in its place, and one
    that cannot be opened is among what is told."""

    file: Path

    def load(self) -> AlertRecord:
        if not self.file.exists():
            return AlertRecord()
        with closing(open_ledger(self.file, create=False)) as ledger:
            return load_alerts(ledger, AlertSource.SUPERVISOR)

    def save(self, record: AlertRecord) -> None:
        with closing(open_ledger(self.file, create=False)) as ledger:
            save_alerts(ledger, AlertSource.SUPERVISOR, record, patience_s=PATIENCE_S)


@contextmanager
def supervisor_alerts(state: StateDirectory) -> Iterator[SupervisorLook]:
    """Tell the configured addresses when no session is live, and when Prefect is away, as long as the block runs.
    Yields what is told when the start is over, or has failed.

    Raises:
        DeclarationError: an address, or that of the heartbeat, cannot be used.
    """
    look = SupervisorLook(state, lambda: os.environ.get("PREFECT_API_URL"))
    configured_heartbeat()
    require_usable(configured_addresses(""))
    if not configured_addresses("") or state.owner() is not None:  # whom another one supervises
        yield look
        return
    state.create()
    service = AlertService(
        configured_addresses(installation_id(state)), look=look.look, store=SupervisorAlerts(state.ledger)
    )
    service.start()
    try:
        yield look
    finally:
        service.stop()
