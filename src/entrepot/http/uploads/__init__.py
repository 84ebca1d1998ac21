"""Receive uploads: forms and resumable uploads, from the first byte to the commit."""
