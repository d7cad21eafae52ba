"""Where a request may go: one name for one host, an allow-list, and addresses checked before they are dialled."""
