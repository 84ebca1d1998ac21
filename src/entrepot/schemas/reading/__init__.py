"""What a contract may state of how deliveries are read, beside the language of a Table Dialect.

In: a parsed Table Dialect, the name of an encoding. Out: what each does in which format, one name
for each encoding, and what a change of either means to deliveries and readers.
"""
