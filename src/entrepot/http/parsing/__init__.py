"""Parse long texts of tenants in processes of their own.

In: a text or a document, and one of the functions of `schemas`. Out: what it returns or raises,
within a deadline. The event loop and the database threads never parse them.
"""
