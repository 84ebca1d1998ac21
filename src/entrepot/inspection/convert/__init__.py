"""Convert a table to the forms that the server offers, and profile its columns.

In: a file with its schema. Out: Parquet, CSV, JSON Lines, Arrow, or the rejected rows.
"""
