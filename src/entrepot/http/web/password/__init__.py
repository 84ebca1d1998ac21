"""Change one's password."""
