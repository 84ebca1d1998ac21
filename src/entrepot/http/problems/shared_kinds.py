"""Rows of the table that several errors share."""

from entrepot.http.problems.task_table import ProblemKind

QUOTA_EXCEEDED = ProblemKind(
    413,
    "account-quota-exceeded",
    "The account's quota is exceeded",
    "Remove files, or ask the operator for a larger quota. Figures are bytes; those of another "
    "account, whose file it is, are not shown.",
)

STORAGE_FULL = ProblemKind(
    507,
    "storage-full",
    "The server's storage is full",
    "Nothing was stored. Reads and deletions still work. The operator has to make room.",
)
