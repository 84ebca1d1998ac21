"""What the account may use, and what fills it."""
