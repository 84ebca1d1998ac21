"""Read, infer, check, report and profile one table, in a sandbox process.

`pool` is the way in; `results` is the plain data that comes out. Everything else runs inside
the sandbox process, where the engine is loaded; importing this package does not load it.
"""
