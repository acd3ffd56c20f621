"""The daily run: reconcile the directory, the ledger and the cube, and say whether the day's data has come."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.errors import CubefeedError
from flows.load_files import ask_owner
from flows.reporting import emit_late, name_run, publish_table


@flow(name="close-day")
async def close_day(dataset: str) -> State[None]:
    """Close the business day of a dataset.

    Args:
        dataset: the dataset's name.
    """
    try:
        outcome = await ask_owner(dataset, "close-day", {})
    except CubefeedError as error:
        return Failed(message=str(error))
    day = outcome["day"]
    await name_run(f"{dataset} · {day['business_day'] or 'no day expected'}")
    await publish_table(f"close-day-{dataset}", [day], f"Close of day: {dataset}")
    get_run_logger().info("%s", day)
    if not day["arrived"]:
        emit_late(dataset, day["business_day"])
    if day["complaints"]:
        return Failed(message="; ".join(day["complaints"]))
    return Completed(message=f"{day['rows']:,} rows; the cube equals the ledger")
