"""Control mappings as data, tested against records: what operated, what failed, and what the records cannot show."""
