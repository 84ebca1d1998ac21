"""The files, and one file."""
