"""The contract's language: Table Schema (Data Package v2) parsed, checked and written back.

Pure: nothing here reads a file, a clock or a database.
"""
