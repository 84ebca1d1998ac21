"""What is wrong with a record, or why it is not one, as the lexer finds it."""

from dataclasses import dataclass

QUOTE_ADVICE = (
    "Remove each quote that is not part of the value, or close it at the end of the cell. Write a "
    'quote that is part of the value twice (""), in a cell in quotes. If no cell of the file is in '
    'quotes, state "quoteChar": "" in the dialect.'
)
LINES_ADVICE = (
    'If they are rows, remove the quote, or put its cell in quotes and write it twice (""). If '
    "they are one cell, write it without line ends."
)


@dataclass(frozen=True)
class RecordFault:
    """Its code (`report.error_kinds`), and the reason and the advice of its sentence."""

    code: str
    reason: str
    advice: str = ""


COMMENT = RecordFault("", "a comment")
"""Of a line that is not a row."""
ACROSS = RecordFault("source-error", "text reaches over the border of two columns; it is cut there")
MISPLACED = RecordFault("broken-quote", "a quote is not where it should be", QUOTE_ADVICE)


def not_closed(cell: int) -> RecordFault:
    """The quote that opens the cell is not closed."""
    return RecordFault(
        "broken-quote", f"the quote that opens cell {cell:,} is not closed", QUOTE_ADVICE
    )


def like_rows(cell: int) -> RecordFault:
    """The quote that opens the cell is closed, below lines that are more likely rows."""
    reason = "closes in a further line, but the lines look like rows"
    return RecordFault("broken-quote", f"the quote that opens cell {cell:,} {reason}", LINES_ADVICE)


def text_follows(cell: int) -> RecordFault:
    """Text follows the quote that closes the cell."""
    return RecordFault("broken-quote", f"text follows a quote in cell {cell:,}", QUOTE_ADVICE)
