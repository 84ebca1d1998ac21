"""The pages: the product for people with a browser.

In: requests with the session's cookie. Out: HTML. There is one folder for each page, with its
routes, its template and its fragments; `parts/` has the layout and the macros that pages share,
`static/` the stylesheet and the scripts. Pages accept the session's cookie alone, the API accepts
a key alone.
"""
