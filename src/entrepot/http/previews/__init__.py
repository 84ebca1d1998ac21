"""Answer previews: the sandbox processes that read them, and how many run at a time.

In: a `PreviewRequest` for a version's Parquet. Out: its `Preview`, or an error if it takes too
long or too many run.
"""
