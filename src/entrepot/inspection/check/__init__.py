"""Check a table against a schema, or infer a schema from it.

In: a `Table` and a schema. Out: errors with their places, counts, and the schema.
"""
