"""Read a text as its contract says: the header, and which records are rows.

In: the records of a text and a Table Dialect. Out: a `Layout` and the rules of its rows.
"""
