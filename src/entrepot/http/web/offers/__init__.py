"""The page of files that one is offered."""
