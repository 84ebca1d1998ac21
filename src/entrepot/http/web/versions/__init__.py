"""Pages of a file's versions."""
