"""Page, filter and sort lists.

In: query parameters, with a cursor. Out: the positions and filters that the queries of `files`
take, and a page of rows with the next cursor.
"""
