"""Delete versions and files so that it can be undone, and apply retention."""
