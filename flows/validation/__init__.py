"""Text to typed rows: casts, rules, findings."""
