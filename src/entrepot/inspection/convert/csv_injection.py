"""Cells that a spreadsheet would execute (CWE-1236, OWASP "CSV Injection"), made harmless."""

import re

EXECUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
PLAIN_NUMBER = re.compile(r"[-+]?(?:\d[\d.,' ]*+|\.\d+)(?:[eE][-+]?\d+)?\s*+%?", re.ASCII)


def escape_formula(cell: str) -> str:
    """The cell, with an apostrophe before it if a spreadsheet would take it for a formula.

    Numbers stay.
    """
    if cell.startswith(EXECUTED) and not PLAIN_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell
