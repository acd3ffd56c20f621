"""A deployment of your own that runs when a business day has arrived: an example to copy.

    eval "$(cubefeed prefect-env)"
    python on_arrival.py sales

It serves the flow until Ctrl-C, beside `cubefeed up` or a worker, against the same Prefect server. The file does not
import `annotations` from `__future__`: Prefect, which loads it anew for each run, could not resolve `date` then.
"""

import sys
from datetime import date

from prefect import flow
from prefect.events import DeploymentEventTrigger


@flow(name="on-arrival", flow_run_name="{dataset} · {business_day}", log_prints=True)
def on_arrival(dataset: str, business_day: date) -> None:
    """Put here what has to happen with the day: an export, a mail, a model."""
    print(f"{business_day} of {dataset} has arrived")


def when_a_day_arrives(dataset: str) -> DeploymentEventTrigger:
    """Runs the deployment once per business day, with the day of the event as its parameter.

    `cubefeed.day.closed` in its place waits until close-day has found nothing to complain of.
    """
    return DeploymentEventTrigger(
        name=f"on-arrival of {dataset}",
        expect={"cubefeed.day.arrived"},
        match={"prefect.resource.id": f"cubefeed.dataset.{dataset}"},
        parameters={
            "dataset": dataset,
            "business_day": {"__prefect_kind": "jinja", "template": "{{ event.payload.business_day }}"},
        },
    )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "sales"
    on_arrival.serve(name=chosen, triggers=[when_a_day_arrives(chosen)])
