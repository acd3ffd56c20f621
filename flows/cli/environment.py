"""Commands about what surrounds a session: what it needs, and the secrets that guard it."""

from __future__ import annotations

import shlex
import sys

import typer

from flows.cli.options import DatasetsOption, EngineOption, FormatOption, LandingOption, StateOption, settings_of
from flows.errors import NotRunning
from flows.settings import Settings, is_in_environment
from flows.text.output import Format, show

commands = typer.Typer()
alert_commands = typer.Typer(help="Who is told what goes wrong.", no_args_is_help=True)
commands.add_typer(alert_commands, name="alerts")


@commands.command()
def doctor(
    dataset: DatasetsOption = None, landing: LandingOption = None, state: StateOption = None,
    engine: EngineOption = None, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Check what Cubefeed needs, and say what to do. It looks at the datasets that are named, or were served last."""
    from flows.installation.doctor import as_last_served, examine

    settings = settings_of(datasets=dataset, landing=landing, state=state, engine=engine)
    named = dataset is not None or is_in_environment("datasets")
    results = examine(settings if named else as_last_served(settings))
    show(results, form)
    if any(result["result"] == "fail" for result in results):
        raise typer.Exit(1)


@alert_commands.command("test")
def alerts_test(state: StateOption = None, form: FormatOption = Format.table) -> None:
    """Send a message to each address of CUBEFEED_ALERTS. Show what it answers; exit 1 where one does not take it."""
    from flows.alerts.trial import send_trial

    found = send_trial(Settings.read(state=state))
    show(found, form)
    if not all(answer["taken"] for answer in found):
        raise typer.Exit(1)


@commands.command()
def token() -> None:
    """Make a token for CUBEFEED_TOKEN. Readers of the live page then have to know it."""
    from flows.web.token import make_token

    sys.stdout.write(f"{make_token()}\n")


@commands.command("prefect-password")
def prefect_password(state: StateOption = None) -> None:
    """Print what Prefect's UI asks for. Whoever has it can run code as you, on the server that `up` has started."""
    from flows.store.secret import known_secret

    sys.stdout.write(f"{known_secret(Settings.read(state=state).state)}\n")


@commands.command("prefect-env")
def prefect_env(state: StateOption = None) -> None:
    """Print what Prefect's own commands need. In a shell: eval "$(cubefeed prefect-env)"."""
    from flows.store.secret import known_secret
    from flows.store.state_directory import StateDirectory

    settings = Settings.read(state=state)
    url = StateDirectory(settings.state).require_owner().prefect_url
    if url is None:
        raise NotRunning("No Prefect server belongs to this session", next_step="start one with: cubefeed up")
    for name, value in (("PREFECT_API_URL", f"{url}/api"), ("PREFECT_API_AUTH_STRING", known_secret(settings.state))):
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
