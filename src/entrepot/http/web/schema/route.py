"""Give a file another schema: the form, what the change would break, and on to its task."""

import json
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    BreakingChange,
    DialectInvalid,
    EntrepotError,
    FieldInvalid,
    SchemaInvalid,
    SchemaTooCostly,
)
from entrepot.files.contract import ContractProposal, propose_contract, require_changeable
from entrepot.files.queries.read import FileRecord, Findings, find_newest_findings, get_file
from entrepot.files.queries.revisions import find_proposal
from entrepot.grants.access import access_manageable
from entrepot.http.deps import UnitOfWork
from entrepot.http.parameters import FileIdInPath
from entrepot.http.problems.table import problem_kind
from entrepot.http.stored_documents import view_document
from entrepot.http.uploads.contract_fields import read_reading, read_schema, with_proposal
from entrepot.http.web.form import PageForm, read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.repeated import sent_form
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.schemas.enforcement import MAX_SCHEMA_BYTES
from entrepot.schemas.reading.contract_document import ContractDocument
from entrepot.schemas.reading.stated import MAX_DIALECT_BYTES, StatedReading
from entrepot.tasks.records import TaskId
from entrepot.texts.json_text import JsonText

router = page_router()

FORM_LIMIT = 3 * (MAX_SCHEMA_BYTES + MAX_DIALECT_BYTES) + 1_000
"""Bytes of the form: each byte of a schema or a dialect is sent as three at most."""
CHANGES_SHOWN = 100
"""Changes that a breaking schema would make, on the page."""


Proposal = tuple[JsonText | None, StatedReading] | None
"""The contract that a task has checked."""

REFUSALS = SchemaInvalid, SchemaTooCostly, DialectInvalid, FieldInvalid, BreakingChange
"""What is shown beside the form."""


@router.get("/files/{file_id}/schema", response_model=None)
async def show(
    request: Request, file_id: FileIdInPath, work: SessionWork, task: UUID | None = None
) -> Response:
    """The schema to be edited: the one that a `task` rejected, the file's, else the one that was
    inferred."""
    return await _page(request, file_id, work, None, None, task)


@router.post("/files/{file_id}/schema", response_model=None)
async def propose(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Check the new schema and continue to the page of its task; or the form, and why not."""
    await work.read(require_changeable, file_id)
    form = await read_form(request, FORM_LIMIT)
    text, accept = form.text("schema"), form.text("accept") == "yes"
    try:
        schema = await read_schema(work, text.removeprefix("\ufeff"))
        reading = await read_reading(work, form.text("table_dialect"), form.text("encoding"))
        document = ContractDocument(schema, reading, frozenset({"dialect", "encoding"}))
        queue, now, idempotent = work.parts.queue, work.now, sent_form(request, form)

        def act(conn: WriteConnection, actor: Actor, proposal: ContractProposal) -> TaskId:
            def make() -> TaskId:
                return propose_contract(conn, actor, file_id, proposal, accept, queue, now)

            return idempotent.run_once(conn, actor, now, make)

        task_id = await with_proposal(work, file_id, document, len(text), act)
    except (
        SchemaInvalid,
        SchemaTooCostly,
        DialectInvalid,
        FieldInvalid,
        BreakingChange,
    ) as failure:
        return await _page(request, file_id, work, form, failure)
    queue.wake()
    return redirect(f"/tasks/{task_id}")


async def _page(
    request: Request,
    file_id: UUID,
    work: PageWork,
    form: PageForm | None,
    failure: EntrepotError | None,
    task_id: UUID | None = None,
) -> Response:
    def load(conn: ReadConnection, actor: Actor) -> tuple[FileRecord, Findings | None, Proposal]:
        access_manageable(conn, actor, file_id)
        file = get_file(conn, actor, file_id)
        findings = find_newest_findings(conn, actor, file_id, file.version)
        proposal = find_proposal(conn, actor, file_id, task_id) if task_id else None
        return file, findings, proposal

    actor, (file, findings, proposal) = await work.read_with_actor(load)
    inferred = findings.schema if findings else None
    present, reading = proposal or (file.schema or inferred, file.reading)
    return page(
        request,
        "schema/page.html",
        actor,
        status=problem_kind(failure).status if failure else 200,
        file=file,
        text=form.text("schema") if form else await _as_json(work, present),
        dialect=form.text("table_dialect") if form else _indented(reading.dialect),
        encoding=form.text("encoding") if form else reading.encoding or "",
        field=_field_of(failure),
        inferred=file.schema is None and proposal is None and present is not None,
        rejected=proposal is not None,
        failure=failure,
        changes=failure.changes[:CHANGES_SHOWN] if isinstance(failure, BreakingChange) else [],
    )


def _field_of(failure: EntrepotError | None) -> str:
    """The field beside which a refusal is shown."""
    match failure:
        case FieldInvalid():
            return failure.field
        case DialectInvalid():
            return "table_dialect"
        case SchemaInvalid() | SchemaTooCostly():
            return "schema"
        case _:
            return ""


async def _as_json(work: UnitOfWork, schema: JsonText | None) -> str:
    return await view_document(work, _indented, schema) if schema else ""


def _indented(document: dict[str, Any] | None) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) if document else ""
