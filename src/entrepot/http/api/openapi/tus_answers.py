"""What `/openapi.json` says of resumable uploads: the protocol's headers in and out."""

from collections.abc import Mapping
from typing import Any

from entrepot import errors
from entrepot.http.api.openapi.answers import (
    DEFINING,
    DELIVERING,
    REPEATING,
    problems,
    with_headers,
)
from entrepot.http.parameters import UPLOAD_LENGTH, UPLOAD_OFFSET
from entrepot.http.uploads.tus_headers import OFFSET_STREAM, VERSION

RESUMING = (
    errors.TusVersionUnsupported,
    errors.DraftBusy,
    errors.BlobMissing,
    errors.StoreUnavailable,
)
SENDING_BYTES = (*DELIVERING, errors.ChecksumUnsupported, errors.ChecksumMismatch)
DECIDING = (
    errors.NotAllowed,
    errors.NotFound,
    errors.PreconditionFailed,
    errors.VersionNotRejected,
    errors.FileTooLarge,
    errors.QuotaExceeded,
    errors.OwnerQuotaExceeded,
    errors.StorageFull,
    errors.UploadInterrupted,
)
"""What the delivery of the whole may be answered with."""


def _header(name: str, schema: Mapping[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": dict(schema)}


TUS = _header("Tus-Resumable", {"type": "string", "enum": [VERSION]}, required=True)
BODY = {"content": {OFFSET_STREAM: {"schema": {"type": "string", "format": "binary"}}}}
CREATION = {
    "parameters": [
        TUS,
        _header("Upload-Length", UPLOAD_LENGTH.schema),
        _header(
            "Upload-Metadata",
            {
                "type": "string",
                "description": "`filename`, `file_size_limit`, `file_description`, "
                "`enforce_schema`, `table_dialect`, `encoding`; or `filename`, `file_id`, "
                "`replaces`, and the two before them as long as the file has no published "
                "version. In base64.",
            },
        ),
        _header("Upload-Concat", {"type": "string"}),
        _header("Upload-Checksum", {"type": "string"}),
    ],
    "requestBody": {"required": False, **BODY},
}
UPLOAD_PARAMETERS = {"parameters": [TUS]}
UPLOAD_ID_PARAMETER = {
    "parameters": [
        {
            "name": "upload_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
    ]
}
"""For OPTIONS, whose answer does not depend on the upload, so that no function takes its id."""
PART = {
    "parameters": [
        TUS,
        _header("Upload-Offset", UPLOAD_OFFSET.schema, required=True),
        _header("Upload-Checksum", {"type": "string"}),
    ],
    "requestBody": {"required": True, **BODY},
}

STATE = ("Tus-Resumable", "Upload-Offset", "Upload-Expires", "Cache-Control", "Entrepot-Task-Id")
CAPABILITIES = with_headers(
    204,
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Checksum-Algorithm",
    "Tus-Max-Size",
)
CREATED = with_headers(201, "Location", *STATE) | problems(
    *SENDING_BYTES,
    *DEFINING,
    *REPEATING,
    *RESUMING,
    *DECIDING,
    errors.UploadIncomplete,
)
SHOWN = with_headers(200, *STATE, "Upload-Length", "Upload-Metadata", "Upload-Concat") | problems(
    *RESUMING, *DECIDING
)
APPENDED = with_headers(204, *STATE) | problems(
    *SENDING_BYTES, *RESUMING, *DECIDING, errors.OffsetMismatch, errors.UploadSealed
)
DELETED = with_headers(204, "Tus-Resumable") | problems(errors.TusVersionUnsupported)
