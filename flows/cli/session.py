"""Commands that start a session: with everything around it, without Prefect, or for a story."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import (
    DatasetsOption,
    EngineOption,
    LandingOption,
    NameOption,
    ObserverOption,
    PortOption,
    PrefectPortOption,
    ResetSchedulesOption,
    SettleOption,
    StateOption,
    settings_of,
)

commands = typer.Typer()


@commands.command()
def up(
    dataset: DatasetsOption = None, landing: LandingOption = None, state: StateOption = None,
    engine: EngineOption = None, observer: ObserverOption = None, settle: SettleOption = None,
    port: PortOption = None, prefect_port: PrefectPortOption = None, name: NameOption = None,
    reset_schedules: ResetSchedulesOption = False,
) -> None:  # fmt: skip
    """Start everything: Prefect, deployments, session. Ctrl-C ends it."""
    from flows.installation.foreground import run_up

    run_up(
        settings_of(
            datasets=dataset, landing=landing, state=state, engine=engine, observer=observer, settle_s=settle,
            port=port, prefect_port=prefect_port, name=name,
        ),
        reset_schedules=reset_schedules,
    )  # fmt: skip


@commands.command()
def deploy(
    dataset: DatasetsOption = None, landing: LandingOption = None, state: StateOption = None,
    engine: EngineOption = None, observer: ObserverOption = None, settle: SettleOption = None,
    port: PortOption = None, name: NameOption = None, reset_schedules: ResetSchedulesOption = False,
    pool: Annotated[str, typer.Option("--pool", help="The work pool; made, of type process, if missing.")] = "cubefeed",
) -> None:  # fmt: skip
    """Have the workers of a Prefect server run it all. Registers the deployments on a work pool of the server that
    PREFECT_API_URL names."""
    from flows.installation.foreground import run_deploy

    settings = settings_of(
        datasets=dataset, landing=landing, state=state, engine=engine, observer=observer, settle_s=settle, port=port,
        name=name,
    )  # fmt: skip
    run_deploy(settings, pool=pool, reset_schedules=reset_schedules)


@commands.command()
def watch(
    dataset: DatasetsOption = None, landing: LandingOption = None, state: StateOption = None,
    engine: EngineOption = None, observer: ObserverOption = None, settle: SettleOption = None,
    port: PortOption = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written when the initial load is done.")] = None,
) -> None:  # fmt: skip
    """Keep the cube live without Prefect, in the foreground."""
    from flows.installation.watch_command import run_watch

    settings = settings_of(
        datasets=dataset, landing=landing, state=state, engine=engine, observer=observer, settle_s=settle, port=port
    )
    run_watch(settings, ready_file=ready_file)


@commands.command()
def demo(
    engine: EngineOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="End with the story, also at a terminal, where Enter ends it otherwise.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up after the story until Ctrl-C, also without a terminal.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option("--state", help="A new state directory; a temporary one by default.")
    ] = None,
    port: PortOption = None, prefect_port: PrefectPortOption = None,
) -> None:  # fmt: skip
    """Show it all on a copy of the sample files. Two days are loaded, and a third one lands."""
    from flows.installation.demo import Stay, run_demo

    if once and keep:
        raise typer.BadParameter("--once and --keep are two ways to end: name one of them")
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    stay = Stay.SIGNAL if keep else Stay.ENTER if at_terminal and not once else Stay.NOT
    run_demo(settings_of(engine=engine, port=port, prefect_port=prefect_port), stay=stay, state=state)
