"""The report of a business day: a page, markdown, and a download."""
