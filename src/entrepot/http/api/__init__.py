"""The API's routes, one module for each kind of thing.

In: parameters and bodies that `http.parameters` and the models have checked. Out: the wire types
of `models`, made of the records of `files` and `accounts`.
"""
