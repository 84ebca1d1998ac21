"""What an error of reading says of the file that was read."""

import csv

import duckdb

from entrepot.inspection.engine_errors import MAX_ERROR_CHARS, engine_error_text, is_of_file
from entrepot.inspection.results import Verdict
from entrepot.inspection.table import DialectUnsupported, NotTabular, SourceBroken, TooLarge


def refusal_of(error: Exception) -> tuple[Verdict, str]:
    """What an error of reading says of the file. Raises it again where it says nothing."""
    match error:
        case NotTabular():
            return "not-tabular", f"The file is not a table: {error}."
        case SourceBroken():
            return "source-error", f"The file cannot be read: {error}."
        case DialectUnsupported():
            return "dialect-unsupported", f"The file cannot be read by its contract: {error}."
        case TooLarge():
            return "resource-limit", f"The file passes a limit of inspection: {error}."
        case UnicodeError() | RecursionError() | csv.Error():
            return "source-error", f"The file cannot be read: {error}."[:MAX_ERROR_CHARS]
        case duckdb.Error() if is_of_file(error):
            return "source-error", f"The file cannot be read: {engine_error_text(error)}."
    raise error


def code_and_line(error: Exception, verdict: Verdict) -> tuple[str, int | None]:
    """What a report calls the error of a file that was not read, and its line if it is known."""
    return (error.code, error.line) if isinstance(error, SourceBroken) else (verdict, None)
