"""Back-ups of a whole installation, taken while it serves, and their restoration.

In: an installation's settings and parts. Out: a folder with the blobs (`blobs/ab/cd/<id>`, shared
by all snapshots, since blobs never change) and `snapshots/<time>/` with the database, the secret,
the list of blobs and a manifest. A snapshot gets its name once it is complete and durable.
"""
