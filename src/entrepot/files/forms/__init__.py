"""Make and serve the other forms of a version."""
