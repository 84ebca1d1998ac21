"""The tasks, and one task followed live."""
