"""Read one page of rows from a version's Parquet, filtered and sorted.

In: a page request with a filter in text. Out: rows as plain values.
"""
