"""What the owner serves over HTTP."""
