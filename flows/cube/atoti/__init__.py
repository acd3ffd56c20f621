"""The Atoti engine."""
