"""Read, infer, check, report and profile one table, in a child process that is locked down.

`pool` is the way in; `results` is the plain data that comes out. Everything else runs inside
the child, where the engine is loaded; importing this package does not load it.
"""
