"""Bytes on their way: uploads, downloads, and what can be pushed and read."""
