"""The pages: for people who would rather look than read.

One folder a page, with its routes, its template and its fragments; `parts/` holds the layout and
the macros that pages share, `static/` the stylesheet and the scripts. Pages know a person by
the session's cookie alone, the API knows scripts by a key alone; neither opens the other's door.
"""
