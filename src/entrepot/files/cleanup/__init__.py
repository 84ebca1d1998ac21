"""Delete versions and files so that it can be undone, and apply retention.

In: a file or a version that the actor manages. Out: a tombstone; `files.sweep` removes the bytes
once the time for undoing is over.
"""
