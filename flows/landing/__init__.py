"""The directory where producers put files: what lies there, when a file is complete, and what it holds."""
