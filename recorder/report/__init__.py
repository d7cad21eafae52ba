"""The daily review: what a person looks at once a day, counted from records."""
