"""Define a file and upload it."""
