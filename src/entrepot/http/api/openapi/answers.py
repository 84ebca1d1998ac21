"""What the routes of the API say of their answers for `/openapi.json`: problems, headers, bytes.

A route names the errors that its own work raises; what any operation may answer (a missing key, a
rate, a malformed field) is added by `http.api.openapi.document`. Nothing here runs for a request.
"""

from typing import Any

from entrepot import errors
from entrepot.http.problems.table import KINDS
from entrepot.http.problems.task_table import ProblemKind

Responses = dict[int | str, dict[str, Any]]

CODES_KEY = "x-codes"
"""The codes of problems within a response, until `describe` makes the schema of them."""

RECEIVING: tuple[type[errors.EntrepotError], ...] = (
    errors.BodyIncomplete,
    errors.BodyTooSlow,
    errors.BodyTooLarge,
    errors.DigestMismatch,
    errors.FieldInvalid,
)
"""What any body may be answered with."""
DELIVERING: tuple[type[errors.EntrepotError], ...] = (
    *RECEIVING,
    errors.FileTooLarge,
    errors.QuotaExceeded,
    errors.OwnerQuotaExceeded,
    errors.MediaTypeUnsupported,
    errors.UploadInterrupted,
    errors.TooManyUploads,
    errors.ShuttingDown,
    errors.StoreUnavailable,
    errors.StorageFull,
)
"""What an upload may be answered with, whatever becomes of it."""
DEFINING: tuple[type[errors.EntrepotError], ...] = (
    errors.SchemaInvalid,
    errors.SchemaTooCostly,
    errors.TooManySchemas,
    errors.DialectInvalid,
    errors.PathTaken,
)
REPEATING: tuple[type[errors.EntrepotError], ...] = (
    errors.KeyReused,
    errors.RequestUnderWay,
    errors.FieldInvalid,
)
"""What an `Idempotency-Key` may be answered with."""
GONE: tuple[type[errors.EntrepotError], ...] = (errors.VersionWithdrawn, errors.VersionDeleted)
"""What who may read a file is answered on a version of it that nobody reads any more."""
SENDING: tuple[type[errors.EntrepotError], ...] = (
    *GONE,
    errors.NoPublishedVersion,
    errors.PreconditionFailed,
    errors.RangeNotSatisfiable,
    errors.TooManyDownloads,
    errors.TooMuchUnread,
    errors.AnswerMemoryFull,
    errors.BlobMissing,
    errors.StoreUnavailable,
)
"""What a download may be answered with."""
COPYING: tuple[type[errors.EntrepotError], ...] = (
    errors.NotAllowed,
    errors.PreconditionFailed,
    errors.FileTooLarge,
    errors.QuotaExceeded,
    errors.OwnerQuotaExceeded,
    errors.UploadInterrupted,
    errors.StorageFull,
    errors.BlobMissing,
    errors.StoreUnavailable,
)
"""What a version made from an earlier one may be answered with."""
CONVERTING: tuple[type[errors.EntrepotError], ...] = (
    errors.DerivativeFailed,
    errors.FormNotReady,
    errors.TooManyFormWaits,
    errors.VersionNotTabular,
)
"""What a version in another format may be answered with."""

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's id, as in the server's log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "RateLimit": {
        "description": "Requests left (`r`), and seconds until all are there again (`t`).",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "Requests in a burst (`q`), and seconds until all are back (`w`).",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of what was made, or of the bytes.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The state, for `If-Match` and `If-None-Match`.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[^"]*"$'},
    },
    "Link": {
        "description": 'The next page (`rel="next"`), if there is one (RFC 8288).',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {"required": True, "schema": {"type": "string"}},
    "Last-Modified": {"required": True, "schema": {"type": "string"}},
    "Content-Disposition": {"required": True, "schema": {"type": "string"}},
    "Content-Range": {"required": True, "schema": {"type": "string"}},
    "Accept-Ranges": {"required": True, "schema": {"type": "string", "const": "bytes"}},
    "Repr-Digest": {
        "description": "The SHA-256 of the whole (RFC 9530).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Cache-Control": {"required": True, "schema": {"type": "string"}},
    "Tus-Resumable": {"required": True, "schema": {"type": "string", "const": "1.0.0"}},
    "Tus-Version": {"required": True, "schema": {"type": "string", "const": "1.0.0"}},
    "Tus-Extension": {"required": True, "schema": {"type": "string"}},
    "Tus-Checksum-Algorithm": {"required": True, "schema": {"type": "string"}},
    "Tus-Max-Size": {
        "description": "Bytes of the largest file.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Upload-Offset": {
        "description": "Bytes that are stored durably.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Upload-Length": {
        "description": "Bytes of the whole.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Upload-Expires": {"required": True, "schema": {"type": "string"}},
    "Upload-Metadata": {"schema": {"type": "string"}},
    "Upload-Concat": {"schema": {"type": "string"}},
    "Entrepot-Version": {
        "description": "The number of the version that the answer is made of.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "Preference-Applied": {
        "description": "The `wait` of the header Prefer, if it was applied (RFC 7240).",
        "schema": {"type": "string"},
    },
    "Entrepot-Task-Id": {
        "description": "The task of the delivery, once all bytes have arrived.",
        "schema": {"type": "string", "format": "uuid"},
    },
}
"""The headers of answers, as components."""


def problems(*error_classes: type[errors.EntrepotError]) -> Responses:
    """The problems that a route's own work is answered with, by status."""
    return problems_of(*(KINDS[error] for error in error_classes))


def problems_of(*kinds: ProblemKind) -> Responses:
    """The same for rows of the table."""
    codes: dict[int, set[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, set()).add(kind.code)
    return {
        status: {"description": "", CODES_KEY: sorted(of_status)}
        for status, of_status in sorted(codes.items())
    }


def with_headers(status: int, *names: str, description: str = "") -> Responses:
    """A success that has these headers."""
    response = {"headers": headers(*names)}
    return {status: response | ({"description": description} if description else {})}


def headers(*names: str) -> dict[str, Any]:
    """References to components of headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


ACCEPTED = with_headers(202, "Location", description="The task that does the work.")
LISTED = with_headers(200, "Link", description="A page of the list.")
NOT_MODIFIED = with_headers(304, "ETag", description="Nothing has changed (`If-None-Match`).")

BINARY = {"schema": {"type": "string", "format": "binary"}}
ANY_FILE = ("application/octet-stream", "*/*")
FILE_HEADERS = (
    "ETag", "Last-Modified", "Cache-Control", "Content-Disposition", "Accept-Ranges", "Repr-Digest",
    "Entrepot-Version", "Preference-Applied",
)  # fmt: skip


_REDIRECTED = {
    "description": "The bytes are in the store, at `Location`, if the server redirects.",
    "headers": headers(
        "Location", "ETag", "Last-Modified", "Cache-Control", "Content-Disposition", "Repr-Digest",
        "Entrepot-Version",
    ),
}  # fmt: skip


def file_responses(*media_types: str, with_body: bool = True) -> Responses:
    """A download: whole, in part, or unchanged."""
    content = {"content": dict.fromkeys(media_types, BINARY)} if with_body else {}
    complete = {"description": "The bytes.", "headers": headers(*FILE_HEADERS), **content}
    if not with_body:
        return {200: complete, 304: _not_modified()}
    part = {
        "description": "The part that `Range` asks for.",
        "headers": headers(*FILE_HEADERS),
        "content": dict.fromkeys((*media_types, "multipart/byteranges"), BINARY),
    }
    return {200: complete, 206: part, 304: _not_modified(), 307: _REDIRECTED}


def _not_modified() -> dict[str, Any]:
    return {
        "description": "Nothing has changed since the caller read it.",
        "headers": headers("ETag", "Last-Modified", "Cache-Control", "Entrepot-Version"),
    }


def text_content(*media_types: str) -> dict[str, Any]:
    """Content that is text, as further media types of a success."""
    return {media_type: {"schema": {"type": "string"}} for media_type in media_types}


EVENTS: Responses = {
    200: {
        "description": "Events named `task`, each with the task as JSON in its data.",
        "headers": headers("Cache-Control"),
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "itemSchema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "event": {"const": "task"},
                        "data": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "contentSchema": {"$ref": "#/components/schemas/TaskDetails"},
                        },
                    },
                    "required": ["id", "event", "data"],
                },
            }
        },
    }
}
