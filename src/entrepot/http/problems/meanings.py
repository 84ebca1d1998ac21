"""What happened, for each problem: the sentences that its page begins with.

`http.problems.table` has the rest of a problem: status, title and advice. Each code of it has an
entry here.
"""

MEANINGS: dict[str, str] = {
    "account-quota-exceeded": (
        "The account that owns the file has a quota of bytes. This request needs more than is "
        "free. Nothing was stored."
    ),
    "account-suspended": (
        "The operator of the server has suspended the account. Nobody can read, deliver or sign "
        "in until it is resumed."
    ),
    "answer-memory-full": (
        "Many clients do not read the answers that they asked for, and the memory for such "
        "answers is used up."
    ),
    "bad-request": (
        "The request is not valid HTTP, or its parts contradict each other, so the server could "
        "not process it."
    ),
    "body-incomplete": (
        "The body of the request broke off: the connection ended before the last byte, or the "
        "chunked coding is malformed. Nothing was stored, but for a resumable upload, which keeps "
        "what arrived."
    ),
    "body-too-large": "The body of the request has more bytes than this route accepts.",
    "body-too-slow": (
        "The body of the request arrived too slowly, or stopped. The server closed the connection"
        " and stored nothing."
    ),
    "breaking-change": (
        "Deliveries that are valid today could be rejected by the new schema, or mean something "
        "else. The schema was not changed."
    ),
    "bytes-damaged": (
        "The stored bytes differ from those that were delivered, so the server does not send them."
    ),
    "bytes-missing": "The server knows the version, but its bytes are not in the store.",
    "checksum-mismatch": (
        "The checksum that came with a part of a resumable upload does not match the bytes of "
        "that part. The part was not stored."
    ),
    "checksum-unsupported": (
        "The header Upload-Checksum names an algorithm that the server does not support, or its "
        "digest is not base64. The bytes were not stored."
    ),
    "content-encoding-unsupported": (
        "The server stores and checks exactly the bytes that you send. It does not decode a body "
        "that the header Content-Encoding declares as compressed."
    ),
    "cursor-mismatch": (
        "A cursor continues one list with the same filters and the same order. This one was made "
        "for another query."
    ),
    "database-unavailable": "The server cannot reach its database now.",
    "derivative-failed": (
        "The server could not convert the version into the format that you asked for."
    ),
    "dialect-invalid": (
        "A Table Dialect says how a file is read: delimiter, quotes, header and so on. The one in"
        " this request is not valid."
    ),
    "dialect-unsupported": (
        "The contract of the file states how deliveries are read, and the delivery has a format "
        "for which this is not supported."
    ),
    "digest-mismatch": (
        "A header of the request, or of the file's part in a form, stated a digest of the bytes, "
        "but the bytes that arrived have another one. Nothing was stored."
    ),
    "expectation-failed": (
        "The request has a header `Expect` with something that the server does not know. Nothing "
        "was done."
    ),
    "expression-invalid": "The condition in `where` has a syntax error.",
    "field-invalid": (
        "A form field, a parameter, a header or a member of the JSON body is missing or has a "
        "wrong value."
    ),
    "file-busy": (
        "Versions of the file are being inspected, so the file cannot move to another account now."
    ),
    "file-too-large": (
        "Each file has a size limit that its owner has set. The delivery has more bytes. Nothing "
        "was stored."
    ),
    "form-malformed": (
        "The body is not a complete multipart form: its last boundary is missing, or its boundary "
        "is wrong."
    ),
    "form-not-ready": (
        "The server converts a version when somebody first asks for a format. This takes a while,"
        " and has not ended yet."
    ),
    "idempotency-key-reused": (
        "This Idempotency-Key was used for another request in the last 24 hours. This request was"
        " not done."
    ),
    "inspection-failed": (
        "The server could not inspect the delivery, for a reason that has nothing to do with the "
        "file."
    ),
    "internal-error": "Something in the server went wrong. Your request may be correct.",
    "last-admin": (
        "After this change no user of the account could manage it: the user is its last enabled "
        "admin."
    ),
    "link-ended": (
        "The link has expired, was revoked, was used as often as allowed, or its file is gone. "
        "The answer does not say which."
    ),
    "link-password-required": (
        "The person who made this link protected it with a password. The request had no password,"
        " or a wrong one."
    ),
    "media-type-unsupported": (
        "The Content-Type of the request is not the one that this route needs."
    ),
    "method-not-allowed": "The address exists, but not for this HTTP method.",
    "name-taken": "There is an account or a user with this name already.",
    "no-published-version": (
        "You asked for the newest version of a file, but none of its deliveries has been published."
    ),
    "no-suggestion": (
        "The report on this version does not suggest a change of the contract, so there is "
        "nothing to accept."
    ),
    "not-allowed": (
        "You may see the file, user or task, but you do not have the right to do this with it."
    ),
    "not-authenticated": (
        "The request had no API key, or its key is wrong, has expired, was revoked, or belongs to"
        " a disabled user."
    ),
    "not-comparable": (
        "The comparison needs two tables that have the same key columns. One of the versions is "
        "not a table, or has no such column."
    ),
    "not-found": (
        "There is nothing at this address, or you do not have access to it. The server gives the "
        "same answer in both cases, so that nobody learns what other accounts have."
    ),
    "not-tabular": (
        "The delivery is not a table, for example a picture or a PDF document. A contract with a "
        "schema, and every other format, needs a table."
    ),
    "nothing-to-undo": (
        "Nothing was deleted here, or the time in which the deletion could be undone is over."
    ),
    "offset-mismatch": (
        "The bytes of a resumable upload must continue where the stored bytes end. This request "
        "begins at another place."
    ),
    "path-taken": (
        "Another file of the account has this path, or a path that could be confused with it."
    ),
    "precondition-failed": (
        "The request had the header If-Match, but the file, its bytes or its schema are not those "
        "that the header names; or it had If-None-Match, and they are. Nothing was changed."
    ),
    "preview-too-costly": (
        "The filter or the sort order needs more time or memory than the server allows for a "
        "preview."
    ),
    "preview-unavailable": (
        "No process of the server is free to make the preview. The request itself is correct."
    ),
    "quarantine-ended": (
        "The bytes of a rejected or failed version are kept for a limited time only, and until "
        "the version is accepted or corrected. `accepted_as` or `corrected_by` names the version "
        "that did so."
    ),
    "quota-too-small": (
        "The account uses more bytes than the new quota allows. The quota was not changed."
    ),
    "range-not-satisfiable": "The request asked for bytes that begin after the end of the file.",
    "rate-limited": (
        "This key, session or address has sent more requests than it may send in this time."
    ),
    "request-under-way": (
        "An earlier request with the same Idempotency-Key has not ended yet. This one was not "
        "started, so that nothing is done twice."
    ),
    "resource-limit": (
        "The inspection of the file needs more memory, time or disk space than the server allows."
        " The delivery was not published."
    ),
    "schema-changed": (
        "While the new schema was checked, somebody else changed the schema of the file. Your "
        "change was not made."
    ),
    "schema-invalid": "The Table Schema in this request is not valid.",
    "schema-too-costly": (
        "The schema or the dialect is so large or so complicated that the server stopped parsing "
        "it."
    ),
    "schema-violation": (
        "The delivery was inspected and rejected: one or more of its rows break the contract of "
        "the file. Readers keep the last good version."
    ),
    "scope-missing": (
        "Each key has scopes: `read`, `write`, `admin`. This request needs a scope that the key "
        "does not have."
    ),
    "shares-not-accepted": (
        "An account that the receiver has not accepted can share and offer only a limited number "
        "of files. Your account has reached that number."
    ),
    "shutting-down": "The server is being stopped or restarted, and does not accept new uploads.",
    "sign-in-failed": (
        "The user name and the password do not belong together, or an admin has disabled the user."
    ),
    "size-limit-too-small": (
        "The current version of the file is larger than the new size limit. The limit was not "
        "changed."
    ),
    "source-error": (
        "The delivery was rejected because its content cannot be read completely in its format."
    ),
    "storage-full": "The disk of the server has no more space for data.",
    "store-unavailable": "The server cannot reach the place where it stores the bytes of files.",
    "suggestion-outdated": (
        "The contract was changed after the suggestion was made. Nothing was changed now."
    ),
    "task-finished": "A task can be canceled while it waits or runs. This one has ended.",
    "too-many-attempts": (
        "There were too many attempts to sign in, from your address or with this user name."
    ),
    "too-many-bodies": (
        "Many requests with a body, but without a valid key, come from your address at the same "
        "time."
    ),
    "too-many-downloads": "The account has as many large downloads under way as it may have.",
    "too-many-form-waits": (
        "Many requests of the account wait until the server has made a format of a version."
    ),
    "too-many-keys": "A user may have a limited number of valid keys. No further key was made.",
    "too-many-links": (
        "A file may have a limited number of links that work. No further link was made."
    ),
    "too-many-previews": "The account has as many previews under way as it may have.",
    "too-many-schemas": "The account has as many contracts being parsed as it may have.",
    "too-many-streams": "The account has as many event streams open as it may have.",
    "too-many-uploads": "The account has as many uploads under way as it may have.",
    "too-much-unread": (
        "Your connections have asked for data and do not read it, so the server must keep it in "
        "memory. You have reached the limit for that."
    ),
    "tus-version-unsupported": (
        "Resumable uploads use the protocol tus. The request did not say which version of it, or "
        "named one that the server does not support."
    ),
    "type-mismatch": (
        "The filter compares a column with a value of another type, or uses an operation that "
        "this type does not have."
    ),
    "unavailable": "The server cannot answer this request now.",
    "unknown-column": "The request names a column that the table does not have.",
    "upload-busy": (
        "Another request is sending bytes to this resumable upload, or has just stopped."
    ),
    "upload-incomplete": (
        "An upload that joins partial uploads needs all their bytes. One of the parts is not "
        "complete."
    ),
    "upload-interrupted": (
        "The server ended the upload before it was complete: its connection was lost, its time "
        "was over, or somebody ended it. Nothing was stored."
    ),
    "upload-sealed": (
        "A resumable upload that was joined from partial uploads, or is one of these parts, "
        "cannot take more bytes."
    ),
    "user-owns-files": (
        "A user who owns files cannot be removed, because the files would have no owner."
    ),
    "version-deleted": "The owner of the file, or its retention rule, has deleted this version.",
    "version-is-current": (
        "Readers get this version when they ask for the file, so it cannot be deleted alone."
    ),
    "version-not-published": (
        "This can be done with published versions only. The version has another status."
    ),
    "version-not-rejected": (
        "This can be done only with a version that was rejected, or could not be inspected. The "
        "version has another status."
    ),
    "version-withdrawn": (
        "The owner of the file has withdrawn this version: it must not be used any more."
    ),
}
