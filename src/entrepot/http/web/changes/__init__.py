"""The settings of a file; delete it or a version of it, and undo that."""
