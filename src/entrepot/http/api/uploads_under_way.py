"""`GET /api/v1/uploads`: uploads under way, the caller's and those to their files."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.files.delivery.under_way import UploadUnderWay, list_uploads_under_way
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.uploads import UploadDetails, UploadList
from entrepot.http.api.openapi.answers import LISTED
from entrepot.http.deps import ReadWork
from entrepot.http.lists.listings import UPLOADS
from entrepot.http.parameters import Cursor, PageItemsOrAll
from entrepot.http.places import API
from entrepot.http.timestamps import format_timestamp

router = APIRouter(prefix=API, tags=["resumable uploads"])


@router.get("/uploads", operation_id="list_uploads", response_model=UploadList, responses=LISTED)
async def uploads(
    request: Request, work: ReadWork, limit: PageItemsOrAll = None, cursor: Cursor = None
) -> Response:
    """Uploads under way, oldest first: the caller's, those to their files, and for an admin
    all that hold quota of the account.

    `size` and `received` are null for an upload in one request, which `reserved` describes.
    `DELETE /api/v1/uploads/{upload_id}` ends one.
    """
    return await list_response(
        request, work, UPLOADS, list_uploads_under_way, _upload_payload, limit, cursor
    )


def _upload_payload(upload: UploadUnderWay) -> UploadDetails:
    return {
        "upload_id": str(upload.upload_id),
        "user_name": upload.user_name,
        "file_id": str(upload.file_id) if upload.file_id is not None else None,
        "file_name": upload.file_name,
        "resumable": upload.is_resumable,
        "size": upload.size,
        "received": upload.received,
        "reserved": upload.reserved,
        "created_at": format_timestamp(upload.created_at),
        "expires_at": format_timestamp(upload.expires_at),
    }
