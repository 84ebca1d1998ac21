"""The page that gives a file another schema."""
