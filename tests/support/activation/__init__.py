"""Real senders of rows, and local servers that speak the destinations' documented formats."""
