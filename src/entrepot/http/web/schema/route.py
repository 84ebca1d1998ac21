"""Give a file another schema: the form, what the change would break, and on to its task."""

import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import BreakingChange, EntrepotError, SchemaInvalid
from entrepot.files.contract import propose_schema
from entrepot.files.queries.read import FileRecord, Findings, find_newest_findings, get_file
from entrepot.grants.access import access_manageable
from entrepot.http.parameters import FileIdInPath
from entrepot.http.problems.table import problem_kind
from entrepot.http.web.form import read_form
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.schemas.enforcement import MAX_SCHEMA_BYTES, load_document
from entrepot.schemas.table_schema import parse_schema

router = APIRouter()

FORM_LIMIT = 3 * MAX_SCHEMA_BYTES + 1_000
"""Bytes of the form: each byte of a schema is sent as three at most."""
CHANGES_SHOWN = 100
"""Changes that a breaking schema would make, on the page."""


@router.get("/files/{file_id}/schema", response_model=None)
async def show(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """The schema to be edited: the file's, else the one that was inferred."""
    return await _page(request, file_id, work, None, None)


@router.post("/files/{file_id}/schema", response_model=None)
async def propose(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Have the new schema checked and go on to the page of its task; or the form, and why not."""
    form = await read_form(request, FORM_LIMIT)
    text, accept = form.text("schema"), form.text("accept") == "yes"
    try:
        schema = parse_schema(load_document(text.removeprefix("\ufeff")))
        queue, now = work.parts.queue, work.now
        task_id = await work.write(propose_schema, file_id, schema, accept, queue, now)
    except (SchemaInvalid, BreakingChange) as failure:
        return await _page(request, file_id, work, text, failure)
    queue.wake()
    return redirect(f"/tasks/{task_id}")


async def _page(
    request: Request,
    file_id: UUID,
    work: PageWork,
    text: str | None,
    failure: EntrepotError | None,
) -> Response:
    def load(conn: ReadConnection, actor: Actor) -> tuple[FileRecord, Findings | None]:
        access_manageable(conn, actor, file_id)
        return get_file(conn, actor, file_id), find_newest_findings(conn, actor, file_id)

    actor, (file, findings) = await work.read_with_actor(load)
    present = file.schema or (findings.schema if findings else None)
    return page(
        request,
        "schema/page.html",
        actor,
        status=problem_kind(failure).status if failure else 200,
        file=file,
        text=_as_json(present) if text is None else text,
        inferred=file.schema is None and present is not None,
        failure=failure,
        changes=failure.changes[:CHANGES_SHOWN] if isinstance(failure, BreakingChange) else [],
    )


def _as_json(schema: dict[str, Any] | None) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) if schema else ""
