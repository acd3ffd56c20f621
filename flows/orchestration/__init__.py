"""What Prefect needs around the flows."""
