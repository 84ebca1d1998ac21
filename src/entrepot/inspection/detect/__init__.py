"""Detect what a file is: compression, format and encoding.

In: a path. Out: a format with its media type, an unpacked copy where the file is compressed.
"""
