"""The files, newest first; one file with its contract and what its inspection found."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import Reading
from entrepot.errors import NotFound
from entrepot.files.read import (
    File,
    Findings,
    get_file,
    get_findings,
    get_published,
    list_files,
    profile_document,
)
from entrepot.http.disposition import attachment
from entrepot.http.downloads import published_response
from entrepot.http.forms_made import form_of
from entrepot.http.paging import Position, read_cursor, write_cursor
from entrepot.http.web.curl_examples import upload_command
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.files.profile import column_views
from entrepot.http.web.rendering import page
from entrepot.http.web.signed_in import SignedIn
from entrepot.inspection.results import Form

router = APIRouter()

PAGE = 50
ERRORS_SHOWN = 20
FORMS: dict[Form, str] = {
    "csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet", "arrow": "Arrow"
}  # fmt: skip
"""The forms that a table can be had in, by the names that people know."""


@router.get("/files", response_model=None)
async def files(request: Request, work: SignedIn, cursor: str | None = None) -> Response:
    """The files that one may know of, newest first."""
    actor, found = await work.look(list_files, PAGE + 1, read_cursor(cursor), newest_first=True)
    return page(
        request,
        "files/list.html",
        actor,
        files=found[:PAGE],
        next_cursor=_next_cursor(found),
        first_page=cursor is None,
        command=upload_command(endpoint_of(request), "<API KEY>"),
    )


@router.get("/files/{file_id}", response_model=None)
async def file(request: Request, file_id: UUID, work: SignedIn) -> Response:
    """One file."""
    actor, (found, findings) = await work.look(_load, file_id)
    endpoint = endpoint_of(request)
    return page(
        request,
        "files/page.html",
        actor,
        file=found,
        findings=findings,
        verdict=_verdict(findings.report) if findings else None,
        columns=_columns(found, findings),
        profile=column_views(findings) if findings else [],
        forms=FORMS if found.row_count is not None else {},
        download=f"curl --location '{endpoint}/api/v1/file/download/{file_id}' \\\n"
        "--header 'Authorization: Bearer <API KEY>'",
    )


@router.get("/files/{file_id}/download", response_model=None)
async def download(
    request: Request, file_id: UUID, work: SignedIn, format: Form | None = None
) -> Response:
    """The newest published version as an attachment, as delivered or in another form."""
    if format is None:
        found = await work.read(get_published, file_id)
    else:
        found = await form_of(work, file_id, format, None)
    return published_response(request, work.parts.store, found)


@router.get("/files/{file_id}/profile.json", response_model=None)
async def profile(
    file_id: UUID, work: SignedIn, version: Annotated[int, Query(ge=1)] | None = None
) -> Response:
    """The profile of a version, the newest inspected by default, as JSON to keep."""
    findings = await work.read(get_findings, file_id, version)
    return _to_keep(profile_document(findings), f"profile-{file_id}-{findings.version}.json")


@router.get("/files/{file_id}/report.json", response_model=None)
async def report(
    file_id: UUID, work: SignedIn, version: Annotated[int, Query(ge=1)] | None = None
) -> Response:
    """The report on a version, the newest inspected by default, as JSON to keep."""
    findings = await work.read(get_findings, file_id, version)
    return _to_keep(findings.report, f"report-{file_id}-{findings.version}.json")


def _to_keep(document: dict[str, Any], name: str) -> Response:
    headers = {
        "Content-Disposition": attachment(name),
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }
    return JSONResponse(document, headers=headers)


def _load(conn: Reading, actor: Actor, file_id: UUID) -> tuple[File, Findings | None]:
    found = get_file(conn, actor, file_id)
    try:
        return found, get_findings(conn, actor, file_id)
    except NotFound:  # no version was inspected yet
        return found, None


def _next_cursor(found: list[File]) -> str | None:
    if len(found) <= PAGE:
        return None
    last: Position = (found[PAGE - 1].created_at, found[PAGE - 1].id)
    return write_cursor(last)


def _verdict(report: dict[str, Any]) -> dict[str, Any]:
    """The report in a few words: whether it fits, how many errors, and the first of them."""
    tasks = report.get("tasks", [])
    errors = [error for task in tasks for error in task.get("errors", [])]
    notes = [error for task in tasks for error in task.get("findings", [])]
    return {
        "valid": report.get("valid", False),
        "count": report.get("stats", {}).get("errors", 0),
        "errors": (errors or notes)[:ERRORS_SHOWN],
        "warnings": [text for task in tasks for text in task.get("warnings", [])],
    }


def _columns(file: File, findings: Findings | None) -> list[dict[str, Any]]:
    """The columns of the contract, or of the newest inspection where there is none."""
    schema = file.schema or (findings.schema if findings else None) or {}
    columns: list[dict[str, Any]] = schema.get("fields", [])
    return columns
