"""From sample files to a declaration: candidates are proposed, and proved by reading everything strictly."""
