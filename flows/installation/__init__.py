"""What `cubefeed up` starts, keeps and ends."""
