"""The usual delimiters of texts, for their detection and for the advice in reports."""

USUAL = ",;\t|"
"""Delimiters that are always detected if nothing else is stated."""
WITH_COLON = USUAL + ":"
"""Those that a header may have in place of the contract's; a colon stands in times and titles too,
so that it is not detected as easily."""
