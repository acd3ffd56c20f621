"""What Cubefeed knows without touching a disk, a network or an engine."""
