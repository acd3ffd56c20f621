"""What the deployments of an installation are called, and the tags that tell its runs from those of others."""

from __future__ import annotations

LIVE_FLOW = "keep-cube-live"
TAG = "cubefeed"
"""What is Cubefeed's, of whichever installation."""


def deployment_name(installation: str, name: str) -> str:
    """The name of a deployment, which is a dataset's or `cube`: `eu-sales` in the installation `eu`."""
    return f"{installation}-{name}" if installation else name


def live_deployment(installation: str) -> str:
    """The full name of the deployment that keeps the cube live."""
    return f"{LIVE_FLOW}/{deployment_name(installation, 'cube')}"


def installation_tag(installation: str) -> str:
    """What deployments and runs of this installation have, and those of no other."""
    return f"{TAG}:{installation or 'unnamed'}"


def tags_of(installation: str) -> list[str]:
    """The tags of an installation's deployments and runs."""
    return [TAG, installation_tag(installation)]


def other_installation(installation: str, tags: list[str]) -> str | None:
    """The installation that has these tags, where it is another one."""
    for tag in tags:
        if tag.startswith(f"{TAG}:") and tag != installation_tag(installation):
            return tag.removeprefix(f"{TAG}:")
    return None


def artifact_key(installation: str, text: str) -> str:
    """An artifact's key: lower case, digits and dashes; installations do not share one."""
    return deployment_name(installation, text).lower().replace("_", "-")
