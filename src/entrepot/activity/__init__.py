"""The append-only record of changes and reads: who, what and when."""
