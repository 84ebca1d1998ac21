"""Files by their addresses: `/d/<account>/<path>`, and downloads with a name at their end.

In: an address as any tool can open it, and a key as a bearer token or a password. Out: the answers
of the API's downloads and deliveries.
"""
