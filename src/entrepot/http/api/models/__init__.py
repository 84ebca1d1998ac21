"""The wire types of the API's answers, one module for each kind of thing.

They are TypedDicts: the functions of `http.api.payloads` return them, so mypy compares what is
written with what `/openapi.json` promises, and no answer is validated or copied at run time.
Nothing below `http` imports them. A test compares real answers with them.
"""
