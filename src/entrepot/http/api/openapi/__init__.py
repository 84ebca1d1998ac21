"""Describe the API as an OpenAPI document: what each operation takes and answers.

In: the app's routes, the wire types and the table of problems. Out: the document of
`/openapi.json`.
"""
