"""Every kind of error that a report lists: our `code`, and the `type` that Frictionless 5 knows.

Readers of Frictionless reports go by `type`. A code is finer: several codes have one type where
Frictionless has no type of its own (`table-error`, `row-error`, `header-error`, `source-error`).
"""

from dataclasses import dataclass

_TABLE, _HEADER, _ROW = ("#table",), ("#table", "#header"), ("#table", "#row")
_LABEL, _CELL = (*_HEADER, "#label"), (*_ROW, "#cell")


@dataclass(frozen=True)
class ErrorKind:
    """`type`, `title` and `tags` are those of Frictionless; `meaning` is the `description`."""

    code: str
    type: str
    title: str
    meaning: str
    tags: tuple[str, ...]

    @property
    def of_header(self) -> bool:
        """Whether it is a fault of the header."""
        return "#header" in self.tags


def _kinds(*rows: tuple[str, str, str, str, tuple[str, ...]]) -> dict[str, ErrorKind]:
    return {row[0]: ErrorKind(*row) for row in rows}


ERROR_KINDS = _kinds(
    ("missing-label", "missing-label", "Missing Label",
     "The header lacks a column of the contract.", _LABEL),
    ("extra-label", "extra-label", "Extra Label",
     "The header has a column that the contract does not have.", _LABEL),
    ("incorrect-label", "incorrect-label", "Incorrect Label",
     "A column has another name than the contract has at its place.", _LABEL),
    ("renamed-label", "incorrect-label", "Incorrect Label",
     "A column has a name that is near to the one in the contract.", _LABEL),
    ("misspelled-label", "incorrect-label", "Incorrect Label",
     "A column's name differs from the contract's only in case, blanks or Unicode form.", _LABEL),
    ("moved-label", "incorrect-label", "Incorrect Label",
     "A column of the contract stands at another place.", _LABEL),
    ("duplicate-label", "duplicate-label", "Duplicate Label",
     "Two columns of the header have the same name.", _LABEL),
    ("blank-label", "blank-label", "Blank Label", "A column of the header has no name.", _LABEL),
    ("unmatched-header", "unmatched-header", "Unmatched Header",
     "No column of the header is one of the contract.", _HEADER),
    ("missing-header", "header-error", "Header Error",
     "The names of the columns are not where they are expected.", _HEADER),
    ("unsure-reading", "table-error", "Table Error",
     "The file can be read in more than one way.", _TABLE),
    ("no-rows", "table-error", "Table Error", "The table has no rows.", _TABLE),
    ("too-few-rows", "table-error", "Table Error",
     "The table has fewer rows than the contract expects.", _TABLE),
    ("empty-column", "table-error", "Table Error",
     "No row has a value in a column that must not be empty.", _TABLE),
    ("blank-row", "blank-row", "Blank Row", "The row has no value at all.", _ROW),
    ("missing-cell", "missing-cell", "Missing Cell",
     "The row has fewer cells than the header.", _CELL),
    ("extra-cell", "extra-cell", "Extra Cell", "The row has more cells than the header.", _CELL),
    ("type-error", "type-error", "Type Error",
     "The cell does not have the type of its field.", _CELL),
    ("constraint-error", "constraint-error", "Constraint Error",
     "The cell breaks a constraint of its field.", _CELL),
    ("unique-error", "unique-error", "Unique Error",
     "The field is unique, and an earlier row has this value.", _CELL),
    ("unique-key", "row-error", "Row Error",
     "An earlier row has the same values in the columns of a unique key.", _ROW),
    ("primary-key", "primary-key", "PrimaryKey Error",
     "The row's key is missing, or an earlier row has it.", _ROW),
    ("foreign-key", "foreign-key", "ForeignKey Error",
     "The row refers to a value that no row has.", _ROW),
    ("encoding-error", "encoding-error", "Encoding Error",
     "Bytes cannot be decoded.", ()),
    ("broken-quote", "source-error", "Source Error",
     "A quote is not closed, or stands where none may stand.", ()),
    ("invalid-json", "source-error", "Source Error",
     "A line is not a JSON object, or an object has a key twice.", ()),
    ("outside-table", "source-error", "Source Error",
     "Records of a first version are outside its table: titles, footers, comments, other tables.",
     ()),
    ("dialect-unsupported", "source-error", "Source Error",
     "The dialect states what is not supported for files of this format.", ()),
    ("source-error", "source-error", "Source Error",
     "The data cannot be read in its format.", ()),
    ("not-tabular", "source-error", "Source Error", "The file does not hold a table.", ()),
    ("resource-limit", "source-error", "Source Error",
     "The file exceeds a limit of inspection.", ()),
)  # fmt: skip
"""By code. A code whose `type` is the same has the meaning that Frictionless gives it."""


def kind_of_code(code: str) -> ErrorKind:
    """The kind of a code. An unknown one, as in a report of a later release, explains itself."""
    return ERROR_KINDS.get(code) or ErrorKind(code, code, code, code, ())
