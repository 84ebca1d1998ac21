"""Read delimited text: dialect, header, the end of the table, and every record with its place.

In: the path of a text. Out: a `Table` for the engine and a `DetectedCsv` that says how it was read.
"""
