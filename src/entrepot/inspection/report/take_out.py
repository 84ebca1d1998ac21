"""The advice on rows that are not meant as rows: to take them out, or to state what passes over
them in the dialect."""

from collections.abc import Sequence

from entrepot.schemas.table_dialect import MAX_ROW_NUMBER, MAX_ROW_NUMBERS


def advise_taking_out(total: int, line: str) -> str:
    """A sentence on `total` rows; `line` is what the dialect may state, empty if nothing helps."""
    them = "it" if total == 1 else "them"
    return f"Take {them} out, or add {line} to the dialect." if line else f"Take {them} out."


def comment_rows_line(rows: Sequence[int], total: int) -> str:
    """The line of a dialect that passes over `total` rows, of which the numbers of the first ones
    are `rows`; empty if they are too many for a dialect, or too far from the top."""
    may_be_stated = len(rows) == total <= MAX_ROW_NUMBERS and max(rows) <= MAX_ROW_NUMBER
    return f'"commentRows": {list(rows)}' if may_be_stated else ""
