"""The table of problems: for each domain error its status, code, title and advice.

`/problems/<code>` shows a row as a page.
"""

from entrepot import errors
from entrepot.files.versions import QUARANTINE_PERIOD, UNDO_PERIOD
from entrepot.http.problems.limit_table import LIMIT_KINDS
from entrepot.http.problems.reader_table import READER_KINDS
from entrepot.http.problems.shared_kinds import QUOTA_EXCEEDED, STORAGE_FULL, STORE_KINDS
from entrepot.http.problems.task_table import NOT_TABULAR, TASK_KINDS, ProblemKind

KINDS: dict[type[errors.EntrepotError], ProblemKind] = {
    **READER_KINDS,
    **LIMIT_KINDS,
    **STORE_KINDS,
    errors.ChecksumUnsupported: ProblemKind(
        400,
        "checksum-unsupported",
        "The checksum cannot be checked",
        "Use an algorithm that `supported` names, and the digest in base64.",
    ),
    errors.NotAuthenticated: ProblemKind(
        401,
        "not-authenticated",
        "Not signed in",
        "Send a valid API key in the header `Authorization: Bearer <key>`. A key is never "
        "accepted in the address. `detail` says if yours was revoked, has expired, or if its user "
        "was disabled.",
    ),
    errors.SignInFailed: ProblemKind(
        401, "sign-in-failed", "Sign-in failed", "Check the user name and the password."
    ),
    errors.NotAllowed: ProblemKind(
        403,
        "not-allowed",
        "Not allowed",
        "Ask the owner of the file, or an admin of the account, for the right to do this.",
    ),
    errors.AccountSuspended: ProblemKind(
        403,
        "account-suspended",
        "The account is suspended",
        "No file was deleted. Ask the operator of the server to resume the account.",
    ),
    errors.ScopeMissing: ProblemKind(
        403,
        "scope-missing",
        "The key lacks a scope",
        "Use a key that was made with the scope that `required` names.",
    ),
    errors.UploadSealed: ProblemKind(
        403,
        "upload-sealed",
        "The upload takes no more bytes",
        "Make a new upload.",
    ),
    errors.NotFound: ProblemKind(
        404,
        "not-found",
        "Not found",
        "Check the id or the address. If it is right, the key's user may not see it: ask the "
        "owner to share it with them.",
    ),
    errors.NoPublishedVersion: ProblemKind(
        404,
        "no-published-version",
        "Nothing published yet",
        "Look at the task of the last delivery: it may still run, or have been rejected.",
    ),
    errors.BodyIncomplete: ProblemKind(
        400,
        "body-incomplete",
        "The body of the request is not complete",
        "Send it again. If it breaks off at the same place, look at the program that sends it, "
        "and at a proxy before the server.",
    ),
    errors.BodyTooSlow: ProblemKind(
        408,
        "body-too-slow",
        "The request's body came too slowly",
        "Send it again over a better connection.",
    ),
    errors.UploadInterrupted: ProblemKind(
        409, "upload-interrupted", "The upload was ended", "Send the file again."
    ),
    errors.OffsetMismatch: ProblemKind(
        409,
        "offset-mismatch",
        "The upload is at another offset",
        "Ask for the number of stored bytes with HEAD, and continue there.",
    ),
    errors.UploadIncomplete: ProblemKind(
        409,
        "upload-incomplete",
        "A partial upload is not complete",
        "Send all bytes of the partial upload, then join the parts again.",
    ),
    errors.VersionIsCurrent: ProblemKind(
        409,
        "version-is-current",
        "The version is the current one",
        "Deliver or restore another version first, or delete the file.",
    ),
    errors.NothingToUndo: ProblemKind(
        409,
        "nothing-to-undo",
        "Nothing can be undone",
        f"For {UNDO_PERIOD.days} days, a deletion can be undone, and a withdrawal without a purge.",
    ),
    errors.SizeLimitTooSmall: ProblemKind(
        409,
        "size-limit-too-small",
        "The size limit is too small",
        "Choose one that the current version keeps. Figures are bytes.",
    ),
    errors.VersionNotPublished: ProblemKind(
        409,
        "version-not-published",
        "The version is not published",
        "Look at the file's versions, and choose one whose `status` is published.",
    ),
    errors.VersionNotRejected: ProblemKind(
        409,
        "version-not-rejected",
        "The version was not rejected",
        "Look at the file's versions, and choose one whose `status` is rejected or failed.",
    ),
    errors.QuarantineEnded: ProblemKind(
        409,
        "quarantine-ended",
        "The rejected bytes are gone",
        f"A rejected or failed delivery is kept for {QUARANTINE_PERIOD.days} days, or until a "
        "correction of it is published. Deliver the file again.",
    ),
    errors.NoSuggestion: ProblemKind(
        409,
        "no-suggestion",
        "There is no suggestion",
        "Correct the file, change the schema, or accept the version as an exception. A report has "
        "a suggestion only if a small change of the contract would make the delivery valid.",
    ),
    errors.SuggestionOutdated: ProblemKind(
        409,
        "suggestion-outdated",
        "The contract has changed since",
        "Deliver the file again: it is checked with the contract as it is now, and its report may "
        "have a new suggestion.",
    ),
    errors.RequestUnderWay: ProblemKind(
        409,
        "request-under-way",
        "The first request with this key is under way",
        "Send the request again after the seconds in Retry-After. If the first request has "
        "succeeded, you get its answer. Otherwise the request is done then.",
    ),
    errors.BreakingChange: ProblemKind(
        409,
        "breaking-change",
        "The new schema breaks something",
        "Read `changes`. If you want all of them, send the request again with `?breaking=accept`.",
    ),
    errors.FileBusy: ProblemKind(
        409,
        "file-busy",
        "The file has tasks under way",
        "Wait until the tasks have ended, then send the request again.",
    ),
    errors.NameTaken: ProblemKind(409, "name-taken", "The name is taken", "Choose another name."),
    errors.TaskFinished: ProblemKind(
        409, "task-finished", "The task has ended", "Nothing needs to be done."
    ),
    errors.UserOwnsFiles: ProblemKind(
        409, "user-owns-files", "The user owns files", "Hand the files over first."
    ),
    errors.LastAdmin: ProblemKind(
        409, "last-admin", "The account needs an admin", "Make another user an admin first."
    ),
    errors.QuotaTooSmall: ProblemKind(
        409,
        "quota-too-small",
        "The quota is too small",
        "Choose a larger quota, or delete files first. Figures are bytes.",
    ),
    errors.DerivativeFailed: ProblemKind(
        409,
        "derivative-failed",
        "The format could not be made",
        "`cause` and `detail` say why. A request after the seconds in Retry-After tries it again. "
        "The version as it was delivered can be downloaded without `format`.",
    ),
    errors.VersionNotTabular: NOT_TABULAR,
    errors.PreconditionFailed: ProblemKind(
        412,
        "precondition-failed",
        "It was changed meanwhile",
        "Somebody else changed it after you read it. Read it again, then repeat your change with "
        "the new `ETag`.",
    ),
    errors.TusVersionUnsupported: ProblemKind(
        412,
        "tus-version-unsupported",
        "The tus version is not supported",
        "Send `Tus-Resumable: 1.0.0`.",
    ),
    errors.FileTooLarge: ProblemKind(
        413,
        "file-too-large",
        "The delivery exceeds the file's size limit",
        "Deliver a smaller file, or ask the owner of the file to raise its size limit. Figures are "
        "bytes.",
    ),
    errors.QuotaExceeded: QUOTA_EXCEEDED,
    errors.OwnerQuotaExceeded: QUOTA_EXCEEDED,
    errors.BodyTooLarge: ProblemKind(
        413,
        "body-too-large",
        "The body is too large",
        "Send a smaller body. `limit` is the most bytes that this route takes.",
    ),
    errors.MediaTypeUnsupported: ProblemKind(
        415,
        "media-type-unsupported",
        "The body has the wrong Content-Type",
        "Send the body with the Content-Type that `expected` names.",
    ),
    errors.ContentEncodingUnsupported: ProblemKind(
        415,
        "content-encoding-unsupported",
        "The body has a Content-Encoding",
        "Send the bytes without the header Content-Encoding. A file that is compressed is uploaded "
        "as it is: gzip and other formats are recognized by their content.",
    ),
    errors.RangeNotSatisfiable: ProblemKind(
        416,
        "range-not-satisfiable",
        "The range is outside of the file",
        "Ask for the size with HEAD, then for a range within it.",
    ),
    errors.ExpectationUnknown: ProblemKind(
        417,
        "expectation-failed",
        "The server does not know what the request expects",
        "Leave the header `Expect` out, or send `Expect: 100-continue`.",
    ),
    errors.FieldInvalid: ProblemKind(
        422,
        "field-invalid",
        "A field is wrong",
        "Correct the field that `field` names. `detail` says what is wrong with it.",
    ),
    errors.SchemaInvalid: ProblemKind(
        422,
        "schema-invalid",
        "The schema is wrong",
        "Correct the Table Schema where the JSON pointer `pointer` points.",
    ),
    errors.SchemaTooCostly: ProblemKind(
        422,
        "schema-too-costly",
        "The contract takes too long to parse",
        "Use fewer fields, values or patterns. `bound` is the limit that was reached.",
    ),
    errors.DialectInvalid: ProblemKind(
        422,
        "dialect-invalid",
        "The table dialect is wrong",
        "Correct the Table Dialect where the JSON pointer `pointer` points.",
    ),
    errors.FormMalformed: ProblemKind(
        422,
        "form-malformed",
        "The form cannot be read",
        "Send a complete multipart form (RFC 7578), as curl's `--form` does.",
    ),
    errors.KeyReused: ProblemKind(
        422,
        "idempotency-key-reused",
        "The key belongs to another request",
        "Use a new Idempotency-Key for each new request. For 24 hours a key belongs to one "
        "request, with its fields and its file.",
    ),
    errors.DigestMismatch: ProblemKind(
        422,
        "digest-mismatch",
        "The bytes that arrived differ from the digest",
        "Send the bytes again. `field` is the header with the digest, and `expected` is the "
        "digest as hex. It is of the request's body, or of the form's part with the header.",
    ),
    errors.DraftBusy: ProblemKind(
        423,
        "upload-busy",
        "The upload is held by another request",
        "Ask for its offset with HEAD in a moment, and continue there.",
    ),
    errors.ChecksumMismatch: ProblemKind(
        460, "checksum-mismatch", "The checksum is wrong", "Send these bytes again."
    ),
    errors.FormNotReady: ProblemKind(
        503,
        "form-not-ready",
        "The format is being made",
        "Ask again after the seconds that the header Retry-After names; `curl --retry` does. The "
        "version itself can be downloaded without `format` at any time.",
    ),
    errors.PreviewUnavailable: ProblemKind(
        503,
        "preview-unavailable",
        "No preview can be made now",
        "Ask again after the seconds that Retry-After names.",
    ),
    errors.ShuttingDown: ProblemKind(
        503, "shutting-down", "The server is being stopped", "Send it again in a moment."
    ),
    errors.StorageFull: STORAGE_FULL,
    errors.DatabaseFull: STORAGE_FULL,
}

FRAMEWORK_KINDS: dict[int, ProblemKind] = {
    400: ProblemKind(
        400,
        "bad-request",
        "Bad request",
        "Compare the request with the description of its route at `/docs`.",
    ),
    404: ProblemKind(404, "not-found", "Not found", KINDS[errors.NotFound].advice),
    405: ProblemKind(
        405,
        "method-not-allowed",
        "Method not allowed",
        "Use one of the methods that the header Allow names.",
    ),
    413: KINDS[errors.BodyTooLarge],
    422: KINDS[errors.FieldInvalid],
    500: ProblemKind(
        500,
        "internal-error",
        "The server met an error that it did not expect",
        "This is a fault of the server. Send its operator the `request_id`, which is in the log.",
    ),
    503: ProblemKind(503, "unavailable", "Not available now", "Try again in a moment."),
}


def problem_kind(error: errors.EntrepotError) -> ProblemKind:
    """The row of an error, or of the nearest class it derives from."""
    for cls in type(error).__mro__:
        if cls in KINDS:
            return KINDS[cls]
    return FRAMEWORK_KINDS[500]


def all_kinds() -> dict[str, ProblemKind]:
    """Every problem there is, by code."""
    rows = [*FRAMEWORK_KINDS.values(), *KINDS.values(), *TASK_KINDS.values()]
    return {kind.code: kind for kind in rows}
