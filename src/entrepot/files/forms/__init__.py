"""Make and serve the other forms of a version: Parquet, CSV, JSON Lines, Arrow, rejected rows.

In: the id of a derivation from the queue, or an actor who asks for a form. Out: a blob of its
own, or the error that it is pending or has failed.
"""
