"""Read delimited text: dialect, header, extent, and every record with its place.

In: the path of a text. Out: a `Table` for the engine and a `DetectedCsv` that says how it was read.
"""
