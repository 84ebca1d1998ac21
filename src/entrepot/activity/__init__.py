"""The append-only record of what was changed, by whom and when."""
