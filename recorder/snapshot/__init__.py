"""Snapshots of warehouse tables as records: which rows a table had, provable row by row, with no row in the log."""
