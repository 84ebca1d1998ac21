"""Read, infer, check, report and profile one table, in a sandbox process.

`sandbox.pool` is the entry point, `results` the plain data that comes out. Everything else runs in
the sandbox process, where the engine is loaded. Importing this package does not load it.
"""
