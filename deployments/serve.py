"""Serves Cubefeed's deployments against the Prefect server that PREFECT_API_URL names."""

from flows.installation.deployments import main

if __name__ == "__main__":
    main()
