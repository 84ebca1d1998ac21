"""The contract's language: Table Schemas and Table Dialects, parsed, written and compared."""
