"""Rows of the table that several errors share, and those of the store of bytes."""

from entrepot import errors
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
    "Nothing was stored. Reads and deletions still work. The operator must free space on the "
    "disk; then send it again.",
)

STORE_KINDS: dict[type[errors.EntrepotError], ProblemKind] = {
    errors.BlobMissing: ProblemKind(
        500,
        "bytes-missing",
        "The file's bytes are missing",
        "This is a fault of the server. Its operator should run `entrepot doctor --deep`.",
    ),
    errors.BlobDamaged: ProblemKind(
        500,
        "bytes-damaged",
        "The file's bytes are damaged",
        "This is a fault of the server. Its operator should run `entrepot doctor --deep`.",
    ),
    errors.DatabaseUnavailable: ProblemKind(
        503,
        "database-unavailable",
        "The database does not answer",
        "Send the request again after the seconds in Retry-After. Send an upload with the same "
        "Idempotency-Key.",
    ),
    errors.StoreUnavailable: ProblemKind(
        503,
        "store-unavailable",
        "The store of bytes does not answer",
        "Send the request again after the seconds in Retry-After. A resumable upload keeps the "
        "bytes that it has.",
    ),
}
