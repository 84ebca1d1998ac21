"""An example of each problem, for its page: the document as a client would receive it.

The errors' own classes make them, of figures that a reader could meet, so that no example differs
from what the server answers.
"""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from entrepot import errors
from entrepot.http.problems.handlers import answer_members, problem_document
from entrepot.http.problems.table import KINDS, all_kinds
from entrepot.http.problems.task_table import TASK_KINDS

FIGURES: dict[str, Any] = {
    "algorithm": "sha256",
    "blob_id": UUID("8d6f3f0e-5a0c-4c1b-9a43-0d2a1c7be001"),
    "bound": "20 seconds",
    "cause": "not-tabular",
    "changes": [
        {
            "pointer": "/fields/1/type",
            "effect": "breaking",
            "change": "`amount` changes from `number` to `integer`",
            "reason": "cells such as `17.50` are not valid any more",
        }
    ],
    "column": "amout",
    "column_type": "integer",
    "current_revision": 3,
    "current_version": 6,
    "deleted_at": datetime(2026, 11, 2, 8, 30, tzinfo=UTC),
    "example": "10000000",
    "expected": "multipart/form-data",
    "field": "file_size_limit",
    "held": 134_217_728,
    "file_size": 2_400_000,
    "files": 2,
    "format": "parquet",
    "free": 52_000_000,
    "limit": 1_000_000,
    "media_type": "application/pdf",
    "metadata": 120_000,
    "name": "acme",
    "offset": 8_388_608,
    "parameter": "order_by",
    "path": "sales/orders",
    "pointer": "/fields/1/type",
    "policy": "key",
    "position": 7,
    "reason": "is required.",
    "received": "text/plain",
    "requested": 1_500_000,
    "required": "write",
    "reserve": 1_000_000_000,
    "reserved": 40_000,
    "retry_after": 10,
    "revision": 2,
    "scopes": ("read",),
    "seconds": 30.0,
    "size": 18_000,
    "supported": "1.0.0",
    "task_status": "succeeded",
    "taken_by": "sales/Orders",
    "tasks": 1,
    "upload": "/api/v1/uploads/8d6f3f0e-5a0c-4c1b-9a43-0d2a1c7be001",
    "used": 990_000,
    "version": 7,
    "version_status": "deleted",
    "window": 10,
    "withdrawal_reason": "amounts of another shop",
    "withdrawn_at": datetime(2026, 11, 2, 8, 30, tzinfo=UTC),
}
"""What each figure of an error is in its example."""
OF_CLASS: dict[type[errors.EntrepotError], dict[str, Any]] = {
    errors.NotAuthenticated: {"reason": "Send an API key in the header Authorization."},
    errors.NotAllowed: {"reason": "Only the owner and the admins of its account may share a file."},
    errors.LinkPasswordRequired: {"reason": "This link needs a password."},
    errors.BodyIncomplete: {"received": 4_096},
    errors.BodyTooSlow: {"received": 4_096},
    errors.TusVersionUnsupported: {"received": "0.2.2"},
    errors.ChecksumUnsupported: {"received": "crc32", "supported": "sha256, sha1, sha512, md5"},
    errors.ContentEncodingUnsupported: {"received": "gzip", "expected": "identity"},
    errors.ExpressionInvalid: {"expected": "a value"},
    errors.SchemaInvalid: {"reason": "there is no type 'decimal'"},
    errors.DialectInvalid: {"pointer": "/delimiter", "reason": "it is empty"},
    errors.QuarantineEnded: {"accepted_as": 7, "corrected_by": None},
    errors.NothingToUndo: {"reason": "The version was deleted more than 7 days ago."},
    errors.DerivativeFailed: {"reason": "It has more columns than the format can have."},
    errors.ExpressionInvalid: {"reason": "where: a value is missing after `amount >`."},
    errors.UnknownColumn: {
        "reason": "order_by: there is no column 'amout'; there are 'order_id', 'amount'."
    },
    errors.TypeMismatch: {
        "column": "amount",
        "reason": "where: `amount` holds integers, so that 'many' cannot be compared with it.",
    },
    errors.FormMalformed: {"reason": "The form ends before its last boundary."},
    errors.DigestMismatch: {
        "field": "Content-Digest",
        "algorithm": "sha-256",
        "expected": "9f86d081…",
        "received": "2c26b46b…",
    },
    errors.ExpectationUnknown: {"received": "fast"},
    errors.SharesNotAccepted: {"limit": 100},
    errors.StoreUnavailable: {"reason": "It answered 503 to a request for a part"},
    **{
        each: {"limit": 100}
        for each in KINDS
        if each.__name__.startswith("TooMany") or each is errors.RateLimited
    },
}
"""Where a class means something else by a name."""
DETAILS = {
    "schema-violation": "1 of 30 rows breaks the contract. Line 8, column `amount`: `12,50` is not "
    "a number. Expected a number with a decimal point, such as 17.50.",
    "not-tabular": "The file is a PDF document, not a table.",
    "source-error": "The file cannot be read: its data is damaged.",
    "dialect-unsupported": "The contract states a delimiter, which Parquet does not have.",
    "not-comparable": "Version 2 has no column `order_id`, which is the key.",
    "schema-changed": "The file has revision 3 of its schema by now; the change was for 2.",
    "resource-limit": "The inspection took longer than 60 seconds.",
    "inspection-failed": "The file could not be inspected. The operator sees what to repair.",
}
"""What a task's problem says in its example."""


def problem_example(code: str) -> dict[str, Any]:
    """The document of the problem `code`. Raises KeyError for an unknown one."""
    kind = all_kinds()[code]
    error_class = next((each for each, of in KINDS.items() if of.code == code), None)
    if error_class is None or code in TASK_KINDS:
        return problem_document(kind, DETAILS.get(code, f"{kind.title}."))
    values = FIGURES | OF_CLASS.get(error_class, {})
    error = error_class(**{each.name: values[each.name] for each in fields(error_class)})
    return problem_document(kind, error.detail, **answer_members(error, kind))
