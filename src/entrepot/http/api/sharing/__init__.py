"""Share a file: with users of any account, by links, and by transferring it."""
