"""Describe the API as an OpenAPI document: what each operation takes and answers."""
