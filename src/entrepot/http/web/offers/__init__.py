"""The page of files that are offered to the user."""
