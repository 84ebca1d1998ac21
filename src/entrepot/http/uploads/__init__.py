"""Receive uploads: forms and resumable uploads, from the first byte to the commit.

In: the stream of a request's body, and the `UploadTarget` that its route names. Out: a durable
blob and, in one transaction, the row that names it; the id of its task.
"""
