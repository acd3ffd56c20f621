"""Who is told what went wrong, and that it is over: mail, chat and webhooks, by apprise."""
