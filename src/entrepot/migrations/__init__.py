"""Migrate a database to the tables of this release; `versions/` has one script per step.

Scripts import nothing of the application (with one exception, 0008, which hashes older rows), so
that their meaning never changes.
"""
