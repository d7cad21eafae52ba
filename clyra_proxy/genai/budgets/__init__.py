"""What an agent may consume, how often it may repeat itself, and whether it is still what it was."""
