"""The only package that knows HTTP: the app, its dependencies, problems, the API and the pages.

In: requests, from Granian. Out: calls of `files`, `accounts` and `grants` in a database thread,
and their results as JSON, pages, bytes or problem documents.
"""
