"""Answer errors with problem documents (RFC 9457).

In: an error of `errors` or of the framework. Out: status, headers and document, by the rows of
two tables: `table` for requests, `task_table` for tasks.
"""
