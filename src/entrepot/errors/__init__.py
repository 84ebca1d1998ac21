"""The domain's errors, free of HTTP. Every one is raised where its figures are known.

`base` holds the root; `access`, `limits`, `input` and `state` its branches. `http.problems`
has a row for each; a test fails when one lacks it.
"""

from entrepot.errors.access import (
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ScopeMissing,
    SignInFailed,
    TooManyAttempts,
)
from entrepot.errors.base import EntrepotError
from entrepot.errors.input import (
    BodyTooLarge,
    BodyTooSlow,
    DialectInvalid,
    DigestMismatch,
    FieldInvalid,
    FormMalformed,
    KeyReused,
    MediaTypeUnsupported,
    PreconditionFailed,
    RangeNotSatisfiable,
    SchemaInvalid,
)
from entrepot.errors.limits import (
    FileTooLarge,
    QuotaExceeded,
    QuotaTooSmall,
    StorageFull,
    TooManyUploads,
)
from entrepot.errors.state import (
    BlobMissing,
    BreakingChange,
    DerivativeFailed,
    DerivativePending,
    LastAdmin,
    NameTaken,
    NoPublishedVersion,
    RequestUnderWay,
    ShuttingDown,
    StartRefused,
    TaskFinished,
    UploadInterrupted,
    UserOwnsFiles,
    VersionNotPublished,
    VersionNotTabular,
)

__all__ = [
    "BlobMissing",
    "BodyTooLarge",
    "BodyTooSlow",
    "BreakingChange",
    "DerivativeFailed",
    "DerivativePending",
    "DialectInvalid",
    "DigestMismatch",
    "EntrepotError",
    "FieldInvalid",
    "FileTooLarge",
    "FormMalformed",
    "KeyReused",
    "LastAdmin",
    "MediaTypeUnsupported",
    "NameTaken",
    "NoPublishedVersion",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "PreconditionFailed",
    "QuotaExceeded",
    "QuotaTooSmall",
    "RangeNotSatisfiable",
    "RequestUnderWay",
    "SchemaInvalid",
    "ScopeMissing",
    "ShuttingDown",
    "SignInFailed",
    "StartRefused",
    "StorageFull",
    "TaskFinished",
    "TooManyAttempts",
    "TooManyUploads",
    "UploadInterrupted",
    "UserOwnsFiles",
    "VersionNotPublished",
    "VersionNotTabular",
]
