"""What operators read: the verdict log and the metrics."""
