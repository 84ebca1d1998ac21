"""Files: list, show, download, and what the inspection of a version found."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.files.delivery.quarantine import get_stored
from entrepot.files.queries.lists import list_files
from entrepot.files.queries.read import (
    FileRecord,
    get_findings,
    get_profile_findings,
)
from entrepot.http.api.file_document import load_file_document
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.files import FileDetails, FileList
from entrepot.http.api.models.inspections import InspectionReport, VersionProfile
from entrepot.http.api.openapi.answers import (
    ANY_FILE,
    CONVERTING,
    GONE,
    LISTED,
    NOT_MODIFIED,
    SENDING,
    file_responses,
    problems,
    with_headers,
)
from entrepot.http.api.payloads import file_payload
from entrepot.http.deps import ReadWork
from entrepot.http.downloads.conditions import is_unchanged
from entrepot.http.downloads.forms import get_form, rejected_rows
from entrepot.http.downloads.prefer import wait_seconds
from entrepot.http.downloads.response import published_response
from entrepot.http.lists.filters import FileQuery, read_file_query
from entrepot.http.parameters import FileIdInPath, NumberInQuery, PageItemsOrAll
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response, profile_document, visible_report
from entrepot.inspection.results import Form

router = APIRouter(prefix=API, tags=["files"])

DOWNLOADING = problems(*SENDING, *CONVERTING, errors.NotAllowed)


@router.get(
    "/files",
    operation_id="list_files",
    response_model=FileList,
    responses=LISTED,
)
async def files(
    request: Request,
    work: ReadWork,
    query: Annotated[FileQuery, Depends(read_file_query)],
    limit: PageItemsOrAll = None,
) -> Response:
    """Every file that the caller owns or is entitled to, oldest first.

    Without `limit` the caller's own files come first, then those that others share. The pages after
    the first keep its order, with or without a `limit`. `from_other_account` marks files of other
    accounts.

    `name` finds a part of a name, in upper or lower case and any script. A filter that few files
    match takes longer. A file that exists during the whole walk is listed exactly once, whatever is
    added or removed. A file that is renamed, updated or grows in the meantime can be listed twice
    or not at all, if the order depends on that. A `cursor` belongs to its `sort` and filters.

    `entitlement=owned` are the files that one manages, for admins the account's, `shared` those
    that others share with the caller. A file that the caller may only deliver to counts as without
    a size and a media type, and as updated when it was made.

    `entitlement` is what the caller may do. Who may only deliver (`w`) sees a file's name and its
    contract, and null for the figures of what others have delivered.
    """
    own_first = query.own_first
    if limit is None if query.cursor is None else own_first.listing.wrote(query.cursor):
        query = own_first

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[FileRecord]:
        return list_files(conn, actor, size, after, query.file_filter)

    return await list_response(
        request, work, query.listing, find, file_payload, limit, query.cursor
    )


@router.get(
    "/file/{file_id}",
    operation_id="get_file",
    response_model=FileDetails,
    responses=with_headers(200, "ETag") | NOT_MODIFIED,
)
async def file(file_id: FileIdInPath, request: Request, work: ReadWork) -> Response:
    """One file, with its schema, and its dialect if it was given one.

    Its `ETag` changes with everything that the answer shows, and with each acknowledged delivery.
    """
    document = await work.read(load_file_document, file_id)
    headers = {"ETag": document.etag}
    if is_unchanged(
        {"if-none-match": request.headers.get("if-none-match", "")}, document.validators
    ):
        return Response(status_code=304, headers=headers)
    return json_response(document.document, headers)


@router.get(
    "/file/download/{file_id}",
    operation_id="download_file",
    response_class=Response,
    responses=file_responses(*ANY_FILE) | DOWNLOADING,
)
@router.head(
    "/file/download/{file_id}",
    operation_id="get_download_headers",
    response_class=Response,
    responses=file_responses(with_body=False) | DOWNLOADING,
)
async def download(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    version: NumberInQuery | None = None,
    format: Form | None = None,
) -> Response:
    """The bytes exactly as they were uploaded, of the newest published version.

    `version` asks for an earlier published one, or, by who delivered it, for a rejected or failed
    one whose bytes are still kept; `format` for the table in another format, which the server
    makes: `parquet` with each publication (for a large delivery shortly after it), the others at
    the first request. Without `version` the answer is the newest version that has the format. While
    a format is being made, the request waits for up to 20 seconds, or the seconds in `Prefer:
    wait=N`; then the answer is `503` with `Retry-After`. The header `Entrepot-Version` names the
    version. `Accept` is ignored. Ranges, conditions and HEAD are answered as RFC 9110 says.
    """
    if format is None:
        published = await work.cached_read(get_stored, file_id, version)
    else:
        published = await get_form(work, file_id, format, version, wait_seconds(request))
    return published_response(request, work, published)


@router.get(
    "/file/{file_id}/report",
    operation_id="get_report",
    response_model=InspectionReport,
    responses=problems(*GONE),
)
async def report(
    file_id: FileIdInPath, work: ReadWork, version: NumberInQuery | None = None
) -> Response:
    """The inspection's report (Frictionless v5) on a version, the newest inspected by default."""
    findings = await work.read(get_findings, file_id, version)
    return json_response(await visible_report(work, findings.report, findings.reads))


@router.get(
    "/file/{file_id}/report.csv",
    operation_id="download_rejected_rows",
    response_class=Response,
    responses=file_responses("text/csv")
    | problems(*SENDING, *CONVERTING, errors.NotAllowed, errors.QuarantineEnded),
)
async def report_csv(
    file_id: FileIdInPath, request: Request, work: ReadWork, version: NumberInQuery | None = None
) -> Response:
    """The rejected rows of a version as uploaded, after `_row`, `_line` and `_errors`.

    The newest inspected version by default. The file is made with the verdict, if there are errors.
    If it was removed because nobody used it for 7 days, it is made again; `Prefer: wait=N` works as
    for a download. Cells that a spreadsheet would execute get an apostrophe before them; plain
    numbers do not.
    """
    rows = await rejected_rows(work, file_id, version, wait_seconds(request))
    return published_response(request, work, rows)


@router.get(
    "/file/{file_id}/profile",
    operation_id="get_profile",
    response_model=VersionProfile,
    responses=problems(errors.NotAllowed, *GONE),
)
async def profile(
    file_id: FileIdInPath, work: ReadWork, version: NumberInQuery | None = None
) -> Response:
    """What is in the columns of a version, the newest inspected by default.

    The columns are measured with the publication; for a large delivery shortly after it, and until
    then `columns_pending` is true.
    """
    findings = await work.read(get_profile_findings, file_id, version)
    return json_response(await profile_document(work, findings))
