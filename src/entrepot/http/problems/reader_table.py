"""The problems of those who read, address or share files: a part of `http.problems.table`."""

from entrepot import errors
from entrepot.http.problems.task_table import ProblemKind

READER_KINDS: dict[type[errors.EntrepotError], ProblemKind] = {
    errors.ExpressionInvalid: ProblemKind(
        422,
        "expression-invalid",
        "The filter cannot be read",
        "Correct the condition at the character `position`, counted from 1; `expected` says what "
        "can stand there. Put a name in double quotes if it is a word of SQL, or has characters "
        "other than letters, digits and underscores. Put texts in single quotes.",
    ),
    errors.UnknownColumn: ProblemKind(
        422,
        "unknown-column",
        "There is no such column",
        "Correct the name `column`. The schema of the file lists the names of all columns.",
    ),
    errors.TypeMismatch: ProblemKind(
        422,
        "type-mismatch",
        "The column is of another type",
        "Compare the column `column` with a value of its type, `column_type`. `position` is the "
        "place in the filter, counted from 1.",
    ),
    errors.CursorMismatch: ProblemKind(
        422,
        "cursor-mismatch",
        "The cursor belongs to another query",
        "Follow the `Link` header of the last answer without changing it, or start again without "
        "a cursor.",
    ),
    errors.PreviewTooCostly: ProblemKind(
        422,
        "preview-too-costly",
        "The preview takes too long or too much memory",
        "Choose fewer columns, sort by fewer columns, or filter so that fewer rows match. To get "
        "the whole table, download it as Parquet.",
    ),
    errors.VersionWithdrawn: ProblemKind(
        410,
        "version-withdrawn",
        "The version was withdrawn",
        "Do not use copies of this version. `withdrawal_reason` says why it was withdrawn, and "
        "`current_version` is the version to use instead.",
    ),
    errors.VersionDeleted: ProblemKind(
        410,
        "version-deleted",
        "The version was deleted",
        "Use the version that `current_version` names. The file's owner can undo a deletion for "
        "7 days.",
    ),
    errors.LinkEnded: ProblemKind(
        410,
        "link-ended",
        "The link does not work any more",
        "Ask the person who sent you the link for a new one.",
    ),
    errors.LinkPasswordRequired: ProblemKind(
        401,
        "link-password-required",
        "The link needs a password",
        "Send the password with HTTP Basic and any user name: `curl -u :PASSWORD`. A browser asks "
        "for it: leave the user name empty.",
    ),
    errors.TooManyLinks: ProblemKind(
        409,
        "too-many-links",
        "The file has too many links",
        "Revoke a link that nobody uses, then make the new one.",
    ),
    errors.PathTaken: ProblemKind(
        409,
        "path-taken",
        "The path is taken",
        "Choose another path, or first change the path of the other file, which `taken_by` names. "
        "Paths that differ only in upper and lower case count as the same. A path cannot be the "
        "address of a format of another file, such as `orders.parquet` if there is `orders`.",
    ),
    errors.SharesNotAccepted: ProblemKind(
        409,
        "shares-not-accepted",
        "The receiver has not accepted your account",
        "Ask the receiver to accept your account once, with `PUT /api/v1/sender/<your account>` or "
        "on the page of their files. End shares that are not needed.",
    ),
    errors.AnswerMemoryFull: ProblemKind(
        503,
        "answer-memory-full",
        "Too many large answers are under way",
        "Ask again after the seconds that Retry-After names. The operator can raise the setting "
        "`answer_memory`.",
    ),
    errors.TooMuchUnread: ProblemKind(
        429,
        "too-much-unread",
        "Too many answers are not read",
        "Read the answers that the server is sending to you, or close their connections.",
    ),
}
