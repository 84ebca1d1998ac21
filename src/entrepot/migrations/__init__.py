"""Bring a database to the tables of this release; `versions/` holds one script a step.

Scripts import nothing of the application, so that they mean the same for ever.
"""
