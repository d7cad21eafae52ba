"""What shadow rules and the candidate policy would have done, by the verdict log, and when that is enough to go by."""
