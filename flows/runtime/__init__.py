"""What keeps the process sound: what an exception may end, its health, its progress."""
