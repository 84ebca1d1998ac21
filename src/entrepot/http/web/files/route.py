"""The files, newest first; one file with its contract and what its inspection found."""

from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.errors import FieldInvalid, NotFound, VersionDeleted, VersionWithdrawn
from entrepot.files.cleanup.delete import get_deleted_file
from entrepot.files.delivery.quarantine import get_stored
from entrepot.files.delivery.under_way import (
    end_upload,
)
from entrepot.files.queries.lists import FileFilter, Sort, list_files
from entrepot.files.queries.newest_versions import NewestVersion, list_newest_versions
from entrepot.files.queries.read import (
    FileRecord,
    get_findings,
    get_profile_findings,
)
from entrepot.files.queries.revisions import load_schema
from entrepot.files.transfer import offer_file, withdraw_offer
from entrepot.grants.entitlements import (
    grant_entitlement,
    revoke_entitlement,
)
from entrepot.grants.senders import decline_share
from entrepot.http.api.comparisons import start_comparison
from entrepot.http.downloads.forms import get_form, rejected_rows
from entrepot.http.downloads.response import published_response
from entrepot.http.lists.filters import FILTERS, FileQuery, parse_file_query
from entrepot.http.lists.listings import ENTITLEMENTS
from entrepot.http.parameters import (
    Cursor,
    FileIdInPath,
    NumberInQuery,
    RevisionInQuery,
    read_file_id,
)
from entrepot.http.stored_documents import profile_document, view_document, visible_report
from entrepot.http.web.activity.lines import activity_lines
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.files.comparing import (
    ComparisonDraft,
    propose_comparison,
    read_comparison,
)
from entrepot.http.web.files.contract import schema_view
from entrepot.http.web.files.findings import view_findings, view_revisions
from entrepot.http.web.files.load import PAGE, VERSIONS, load_file_page
from entrepot.http.web.files.sharing import LIVES, SharingDraft, read_draft
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import json_attachment, page
from entrepot.http.web.repeated import sent_form
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.http.web.sizes import read_size
from entrepot.http.web.usage_examples import (
    delivery_examples,
    file_address,
    first_upload,
    reading_examples,
)
from entrepot.inspection.results import Form

router = page_router()

NOTHING_FILLED_IN = SharingDraft()
NEWEST_FIRST: Sort = "-created_at"
FORMS: dict[Form, str] = {
    "csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet", "arrow": "Arrow"
}  # fmt: skip
"""The forms of a table, by the names that people know."""


@router.get("/files", response_model=None)
async def files(request: Request, work: SessionWork) -> Response:
    """The files that the user may see, newest first, or as they are searched and sorted; or the
    search again, and why not."""
    parameters = {"sort": NEWEST_FIRST, **request.query_params}
    try:
        query = parse_file_query(_with_bytes(parameters))
    except FieldInvalid as error:
        if error.field not in FILTERS:
            raise
        return await _list(
            request, work, parameters, FileQuery(FileFilter(sort=NEWEST_FIRST), None), error
        )
    return await _list(request, work, parameters, query, None)


def _with_bytes(parameters: dict[str, str]) -> dict[str, str]:
    """The filters with their sizes, which people write with a unit, in bytes. Raises
    FieldInvalid."""
    sizes = {name: parameters.get(name, "").strip() for name in ("min_size", "max_size")}
    with_unit = {name: text for name, text in sizes.items() if text[-1:].isalpha()}
    return parameters | {name: read_size(text, name) for name, text in with_unit.items()}


async def _list(
    request: Request,
    work: PageWork,
    parameters: dict[str, str],
    query: FileQuery,
    error: FieldInvalid | None,
) -> Response:
    after = query.listing.read_cursor(query.cursor)
    size = 0 if error else PAGE + 1
    actor, (records, newest) = await work.read_with_actor(
        _load_list, size, after, query.file_filter
    )
    items, next_cursor = query.listing.page(records, PAGE)
    sort = query.file_filter.sort
    return page(
        request,
        "files/list.html",
        actor,
        status=422 if error else 200,
        files=items,
        newest=newest,
        parameters=parameters,
        error=error,
        sort=sort,
        filtered=any(parameters.get(each) for each in FILTERS),
        filters=sum(bool(parameters.get(each)) for each in FILTERS[1:]),
        newest_first=sort == NEWEST_FIRST,
        heads=_sort_links(request, sort),
        next_page=_link(request, cursor=next_cursor) if next_cursor else None,
        first_page=_link(request) if after is not None else None,
        command=first_upload(endpoint_of(request), "<API KEY>"),
    )


def _load_list(
    conn: ReadConnection,
    actor: Actor,
    limit: int,
    after: Position | None,
    file_filter: FileFilter,
) -> tuple[list[FileRecord], dict[UUID, NewestVersion]]:
    records = list_files(conn, actor, limit, after, file_filter)
    return records, list_newest_versions(conn, actor, records)


@router.get("/files/{file_id}", response_model=None)
async def file(
    request: Request, file_id: FileIdInPath, work: SessionWork, cursor: Cursor = None
) -> Response:
    """One file; `cursor` is of the list of users that it is shared with. A deleted one is shown as
    such to those who may undelete it."""
    try:
        return await _page(request, file_id, work, cursor=cursor)
    except NotFound:
        await work.read(get_deleted_file, file_id, work.now)
        return redirect(f"/files/{file_id}/deleted")


@router.post("/files/{file_id}/entitlements", response_model=None)
async def share(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Share the file with somebody, or change what they may do; or the form again, and why."""
    draft = read_draft(await read_form(request))
    try:
        await work.write(grant_entitlement, file_id, *draft.entitlement_terms(work.now), work.now)
    except FieldInvalid as error:
        return await _page(request, file_id, work, replace(draft, error=error), status=422)
    return redirect(f"/files/{file_id}#sharing", Confirmation.SHARED)


@router.post("/files/{file_id}/entitlements/revoke", response_model=None)
async def unshare(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """End somebody's entitlement; one that has ended meanwhile is gone already."""
    form = await read_form(request)
    with suppress(NotFound):
        await work.write_into_reserve(revoke_entitlement, file_id, form.text("user_name"), work.now)
    return redirect(f"/files/{file_id}#sharing", Confirmation.UNSHARED)


@router.post("/files/{file_id}/decline", response_model=None)
async def decline(file_id: FileIdInPath, work: SessionWork) -> Response:
    """Decline a file that another account shares; a share that has ended meanwhile is gone."""
    with suppress(NotFound):
        await work.write_into_reserve(decline_share, file_id, work.now)
    return redirect("/files", Confirmation.DECLINED_SHARE)


@router.post("/files/{file_id}/uploads/end", response_model=None)
async def end(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """End an upload that is under way; one that has ended meanwhile is gone already."""
    upload_id = read_file_id((await read_form(request)).text("upload_id"))
    with suppress(NotFound):
        await work.write_into_reserve(end_upload, upload_id, work.now)
    return redirect(f"/files/{file_id}#uploads", Confirmation.UPLOAD_ENDED)


@router.post("/files/{file_id}/offer", response_model=None)
async def offer(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Offer the file to a user of another account; or the form again, and why not."""
    user_name = (await read_form(request)).text("offer_to").strip()
    try:
        await work.write(offer_file, file_id, user_name, work.now)
    except FieldInvalid as error:
        draft = SharingDraft(offer_to=user_name, offer_error=error)
        return await _page(request, file_id, work, draft, status=422)
    return redirect(f"/files/{file_id}#sharing", Confirmation.OFFERED)


@router.post("/files/{file_id}/offer/withdraw", response_model=None)
async def withdraw(file_id: FileIdInPath, work: SessionWork) -> Response:
    """Take the offer back; one that was declined meanwhile is gone already."""
    with suppress(NotFound):
        await work.write_into_reserve(withdraw_offer, file_id, work.now)
    return redirect(f"/files/{file_id}#sharing", Confirmation.OFFER_WITHDRAWN)


@router.post("/files/{file_id}/compare", response_model=None)
async def compare(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Have two versions compared and continue to the page of the task that does it; or the form
    again, and why not."""
    form = await read_form(request)
    draft = read_comparison(form)
    try:
        task_id = await start_comparison(work, file_id, draft.versions(), sent_form(request, form))
    except FieldInvalid as error:
        return await _page(request, file_id, work, comparing=draft.rejected(error), status=422)
    except (NotFound, VersionWithdrawn, VersionDeleted):
        missing = FieldInvalid("after", "one of the two versions is not there to be read.")
        return await _page(request, file_id, work, comparing=draft.rejected(missing), status=404)
    return redirect(f"/tasks/{task_id}")


async def _page(
    request: Request,
    file_id: UUID,
    work: PageWork,
    draft: SharingDraft = NOTHING_FILLED_IN,
    status: int = 200,
    cursor: str | None = None,
    comparing: ComparisonDraft | None = None,
) -> Response:
    sharing = ENTITLEMENTS.of(file_id)
    actor, content = await work.read_with_actor(
        load_file_page, file_id, sharing.read_cursor(cursor)
    )
    entitlements, next_cursor = sharing.page(content.entitlements, PAGE)
    file, findings = content.file, content.findings
    schema = file.schema or (findings.schema if findings else None)
    views = await view_findings(work, findings, file.schema if file.version else None)
    revisions = await view_revisions(work, content.revisions)
    endpoint = endpoint_of(request)
    return page(
        request,
        "files/page.html",
        actor,
        status=status,
        file=file,
        entitlements=entitlements,
        next_cursor=next_cursor,
        first_page=cursor is None,
        activity=activity_lines(content.activity),
        offer_recipient=content.offer_recipient,
        uploads=content.uploads,
        may_decline=content.may_decline,
        draft=draft,
        lives=LIVES,
        comparing=comparing or propose_comparison(content.versions, actor.user_name, work.now),
        findings=findings,
        report=views.report,
        schema=await view_document(work, schema_view, schema) if schema else None,
        versions=content.versions,
        most_versions=VERSIONS,
        exception=content.exception,
        inspected_version=content.inspected_version,
        withdrawn=content.withdrawn,
        rejected=content.rejected,
        revisions=revisions,
        format_details=views.details,
        profile=views.profile,
        unused=views.unused,
        forms=FORMS if file.row_count is not None else {},
        address=file_address(endpoint, file),
        reading=reading_examples(endpoint, file),
        delivering=delivery_examples(endpoint, file),
    )


@router.get("/files/{file_id}/download", response_model=None)
async def download(
    request: Request,
    file_id: FileIdInPath,
    work: SessionWork,
    format: Form | None = None,
    version: NumberInQuery | None = None,
) -> Response:
    """A version as an attachment, the newest published one by default, as delivered or in another
    form."""
    if format is None:
        stored = await work.cached_read(get_stored, file_id, version)
    else:
        stored = await get_form(work, file_id, format, version)
    return published_response(request, work, stored)


@router.get("/files/{file_id}/profile.json", response_model=None)
async def profile(
    file_id: FileIdInPath, work: SessionWork, version: NumberInQuery | None = None
) -> Response:
    """The profile of a version, the newest inspected by default, as a JSON file."""
    findings = await work.read(get_profile_findings, file_id, version)
    return json_attachment(
        await profile_document(work, findings), f"profile-{file_id}-{findings.version}.json"
    )


@router.get("/files/{file_id}/schema.json", response_model=None)
async def schema(
    file_id: FileIdInPath, work: SessionWork, revision: RevisionInQuery | None = None
) -> Response:
    """A revision of the schema, the newest by default, as a JSON file."""
    number, document = await work.read(load_schema, file_id, revision)
    return json_attachment(document, f"schema-{file_id}-{number}.json")


@router.get("/files/{file_id}/report.csv", response_model=None)
async def report_csv(
    request: Request,
    file_id: FileIdInPath,
    work: SessionWork,
    version: NumberInQuery | None = None,
) -> Response:
    """The rejected rows of a version, the newest inspected by default, as a CSV file.

    If they are not there any more, they are made again, and a page waits for them.
    """
    stored = await rejected_rows(work, file_id, version)
    return published_response(request, work, stored)


@router.get("/files/{file_id}/report.json", response_model=None)
async def report(
    file_id: FileIdInPath, work: SessionWork, version: NumberInQuery | None = None
) -> Response:
    """The report on a version, the newest inspected by default, as a JSON file."""
    findings = await work.read(get_findings, file_id, version)
    text = await visible_report(work, findings.report, findings.reads)
    return json_attachment(text, f"report-{file_id}-{findings.version}.json")


def _link(request: Request, **changed: str) -> str:
    """This list from its first page, with other parameters as `changed` says."""
    parameters = {name: value for name, value in request.query_params.items() if name != "cursor"}
    return f"/files?{urlencode({**parameters, **changed})}"


def _sort_links(request: Request, sort: Sort) -> dict[str, tuple[str, str]]:
    """By order, where the head of its column leads, and how the list stands to it (`aria-sort`)."""
    links: dict[str, tuple[str, str]] = {}
    for name in ("file_name", "file_size", "created_at", "updated_at"):
        if sort == name:
            links[name] = _link(request, sort=f"-{name}"), "ascending"
        elif sort == f"-{name}":
            links[name] = _link(request, sort=name), "descending"
        else:
            # What one looks for first: names from A, the largest, the newest.
            first = name if name == "file_name" else f"-{name}"
            links[name] = _link(request, sort=first), "none"
    return links
