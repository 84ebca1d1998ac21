"""Change the user's password."""
