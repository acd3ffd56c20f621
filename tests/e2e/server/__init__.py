"""A Prefect server that a team has already, and what Cubefeed does on it: one server for all tests of this folder."""
