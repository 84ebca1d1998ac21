"""The page that withdraws a version of a file."""
