"""A row of the table of problems, and the problems with which a task ends.

Nothing raises these: a task's `error` has them. `http.problems.table` has those of domain errors.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemKind:
    """What HTTP says of one kind of error; `advice` tells the reader what to do."""

    status: int
    code: str
    title: str
    advice: str


NOT_TABULAR = ProblemKind(
    422,
    "not-tabular",
    "This is not a table",
    "Deliver a table: CSV, JSON, JSON Lines, Parquet, Arrow or Excel (`.xlsx`). If the file is "
    "not meant to be a table, use a file without an enforced schema.",
)

DELIVERY_CODES = (
    "schema-violation", "not-tabular", "source-error", "dialect-unsupported", "resource-limit",
)  # fmt: skip
"""The codes with which a delivery is rejected."""

TASK_KINDS: dict[str, ProblemKind] = {
    kind.code: kind
    for kind in (
        ProblemKind(
            422,
            "schema-violation",
            "The delivery breaks its contract",
            "The report names each wrong row, its column and the reason. Correct the data and "
            "deliver the whole file again.",
        ),
        NOT_TABULAR,
        ProblemKind(
            422,
            "source-error",
            "The delivery cannot be read",
            "The file may be damaged, or have another format than its name says. Open it with the "
            "program that made it, export it again, and deliver it.",
        ),
        ProblemKind(
            422,
            "dialect-unsupported",
            "The contract's dialect is not supported for this format",
            "`detail` names what the dialect states. Deliver another format, or change the "
            "dialect.",
        ),
        ProblemKind(
            422,
            "resource-limit",
            "The inspection reached a limit",
            "`detail` names the limit. Deliver a smaller file, or split it into several files.",
        ),
        ProblemKind(
            422,
            "not-comparable",
            "The two versions cannot be compared",
            "Choose other columns as the key, or none.",
        ),
        ProblemKind(
            409,
            "schema-changed",
            "The file's schema has changed meanwhile",
            "Read the schema again, then decide.",
        ),
        ProblemKind(
            500,
            "inspection-failed",
            "The inspection could not be run",
            "You do not have to deliver the file again: it is kept for 7 days. Tell the operator "
            "of the server, whose log says what must be repaired.",
        ),
    )
}
