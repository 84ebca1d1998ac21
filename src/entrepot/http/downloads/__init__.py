"""Send versions: whole, in ranges, conditionally, in each form.

In: a stored blob that an actor may read, and the request's headers. Out: a response that streams
the blob, and a row in the log of reads.
"""
