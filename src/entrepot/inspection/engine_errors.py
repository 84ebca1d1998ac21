"""What each error of the scan engine (DuckDB) means: whether it may be blamed on a file.

The engine sees what strangers sent only as data, and as the layout of binary formats. Whatever else
it refuses is a query of ours: the inspection fails then, loudly, rather than reject the file.
"""

import errno
from enum import Enum, auto

import duckdb

MAX_ERROR_CHARS = 300
"""Of an error that a report shows: some quote what they read, which may be long."""
NO_SPACE = ("Out of Memory", "max_temp_directory_size", "No space left")
"""Texts of errors of any class that say that memory or disk ran out."""


CONVERSION_FAILED = "threw an execution error, but the function is not marked as fallible"
"""What the engine says, as a fault of its own, where a value of a binary format cannot be converted
within a list or a struct, such as a moment beyond all years that it has."""
INVALIDATED = "database has been invalidated"
"""What it says from then on, of other files too."""


class Blame(Enum):
    """What an error says is at fault: the data, a part of a format that the engine does not have,
    memory, disk or time, or a query of ours."""

    DATA = auto()
    FORMAT = auto()
    RESOURCES = auto()
    QUERY = auto()


BLAME: dict[type[duckdb.Error], Blame] = {
    # What the libraries throw that read formats, such as "invalid TType" of Parquet's metadata.
    duckdb.Error: Blame.DATA,
    duckdb.DataError: Blame.DATA,
    duckdb.InvalidInputException: Blame.DATA,
    duckdb.ConversionException: Blame.DATA,
    duckdb.OutOfRangeException: Blame.DATA,
    duckdb.TypeMismatchException: Blame.DATA,
    duckdb.SerializationException: Blame.DATA,
    duckdb.IOException: Blame.DATA,
    duckdb.NotSupportedError: Blame.FORMAT,
    duckdb.NotImplementedException: Blame.FORMAT,
    duckdb.OutOfMemoryException: Blame.RESOURCES,
    duckdb.DatabaseError: Blame.QUERY,
    duckdb.ProgrammingError: Blame.QUERY,
    duckdb.ParserException: Blame.QUERY,
    duckdb.SyntaxException: Blame.QUERY,
    duckdb.BinderException: Blame.QUERY,
    duckdb.CatalogException: Blame.QUERY,
    duckdb.InvalidTypeException: Blame.QUERY,
    duckdb.IntegrityError: Blame.QUERY,
    duckdb.ConstraintException: Blame.QUERY,
    duckdb.SequenceException: Blame.QUERY,
    duckdb.DependencyException: Blame.QUERY,
    duckdb.PermissionException: Blame.QUERY,
    # The engine's own faults, and states that only its use can bring about.
    duckdb.InternalError: Blame.QUERY,
    duckdb.InternalException: Blame.QUERY,
    duckdb.FatalException: Blame.QUERY,
    duckdb.InterruptException: Blame.QUERY,
    duckdb.OperationalError: Blame.QUERY,
    duckdb.TransactionException: Blame.QUERY,
    duckdb.ConnectionException: Blame.QUERY,
    duckdb.ResourceInUseException: Blame.QUERY,
    duckdb.HTTPException: Blame.QUERY,
}
"""By the error's own class. `tests/inspection/test_engine_errors.py` holds it complete."""


CANNOT_SCAN = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.NotImplementedException,
)
"""What a scan of a text raises that the engine reads otherwise than the lexer, or not at all: its
parallel reader stops where a blank line is the first one of a block."""


def blame_of(error: duckdb.Error) -> Blame:
    """What is at fault. A class that is not in the table is a query of ours."""
    if any(words in str(error) for words in NO_SPACE):
        return Blame.RESOURCES
    if CONVERSION_FAILED in str(error) and INVALIDATED not in str(error):
        return Blame.DATA
    return BLAME.get(type(error), Blame.QUERY)


def is_of_file(error: duckdb.Error) -> bool:
    """Whether the file that was read is at fault."""
    return blame_of(error) in (Blame.DATA, Blame.FORMAT)


def out_of_resources(error: BaseException) -> bool:
    """Whether `error` says that memory, disk or time ran out, rather than that data is wrong."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.ENOMEM)
    if isinstance(error, duckdb.Error):
        return blame_of(error) is Blame.RESOURCES
    return isinstance(error, MemoryError)


def first_line(error: Exception) -> str:
    """What an error of the engine says; its further lines show places within a query."""
    return str(error).splitlines()[0][:MAX_ERROR_CHARS]


def engine_error_text(error: duckdb.Error) -> str:
    """What an error of the engine that is of the file says, as a part of a sentence in our words:
    its own name settings and functions that nobody who sends a file knows."""
    if "encrypt" in str(error):
        return "it is encrypted"
    if blame_of(error) is Blame.FORMAT:
        return "it uses a part of its format that is not supported"
    return "its data is damaged"
