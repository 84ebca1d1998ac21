"""What a person or a deploy starts: the server's commands and its processes."""
