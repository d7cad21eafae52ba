"""What judging rows costs: batches of 100 rows with every primitive on, against a direct connection and mitmdump."""
