"""A file's schema: as it is, as it was, and a new one, which takes effect once it was checked."""

from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotFound
from entrepot.files.contract import (
    ContractProposal,
    ContractTerms,
    load_visible_terms,
    propose_contract,
    require_changeable,
)
from entrepot.files.queries.read import find_current_schema
from entrepot.files.queries.revisions import (
    Revision,
    list_schema_revisions,
    load_revision_schema,
)
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.models.versions import FileSchema
from entrepot.http.api.openapi.answers import ACCEPTED, REPEATING, problems, with_headers
from entrepot.http.api.payloads import revision_payload
from entrepot.http.api.uploads import accepted_response
from entrepot.http.deps import ReadWork, UnitOfWork, WriteWork
from entrepot.http.downloads.conditions import Validators, check_preconditions
from entrepot.http.parameters import (
    FileIdInPath,
    FileIdTextInPath,
    RevisionInQuery,
    read_file_id,
)
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response
from entrepot.http.uploads.body import read_small_body
from entrepot.http.uploads.contract_fields import read_contract, with_proposal
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.schemas.enforcement import MAX_SCHEMA_BYTES
from entrepot.schemas.reading.contract_document import ContractDocument
from entrepot.tasks.records import TaskId
from entrepot.texts.json_text import JsonText

router = APIRouter(prefix=API, tags=["files"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {
                            "type": "object",
                            "description": "Absent: stays as it is; null: is removed.",
                            "properties": {
                                "schema": {"type": ["object", "null"]},
                                "dialect": {"type": ["object", "null"]},
                                "encoding": {"type": ["string", "null"]},
                                "enforced": {"type": "boolean"},
                            },
                        },
                        {
                            "type": "object",
                            "description": "A Table Schema alone.",
                            "required": ["fields"],
                        },
                    ]
                }
            }
        },
    }
}
"""What is wrong in a schema or a dialect stands in the problem, with a pointer."""


@router.get(
    "/file/{file_id}/schema",
    operation_id="get_schema",
    response_model=FileSchema,
    responses=with_headers(200, "ETag"),
)
async def schema(
    file_id: FileIdInPath, work: ReadWork, revision: RevisionInQuery | None = None
) -> Response:
    """The schema of a file, the newest revision by default, and the list of the newest 100.

    With the dialect and the encoding of deliveries, if they are stated. If the file has no schema,
    the list is empty, and `schema` is the one that was inferred for its current version, or null.
    The `ETag` is that of the newest revision; a change may be made conditional on it.
    """
    contract, revisions, selected, document = await work.read(_load_revisions, file_id, revision)
    revision_list = [revision_payload(each) for each in revisions]
    enforced = contract.mode != "none"
    answer: dict[str, Any] = {
        "revision": None,
        "schema": document,
        "dialect": contract.reading.dialect,
        "encoding": contract.reading.encoding,
        "enforced": enforced,
        "revisions_list": revision_list,
    }
    if selected is not None:
        answer = {
            **revision_payload(selected),
            "schema": document,
            "enforced": enforced,
            "revisions_list": revision_list,
        }
    return json_response(answer, {"ETag": _etag(contract)})


@router.put(
    "/file/{file_id}/schema",
    status_code=202,
    operation_id="change_schema",
    response_model=TaskAccepted,
    openapi_extra=BODY,
    responses=ACCEPTED
    | problems(
        *REPEATING,
        errors.NotAllowed,
        errors.SchemaInvalid,
        errors.SchemaTooCostly,
        errors.TooManySchemas,
        errors.DialectInvalid,
        errors.BreakingChange,
        errors.PreconditionFailed,
    ),
)
async def change_schema(
    file_id: FileIdTextInPath,
    request: Request,
    work: WriteWork,
    breaking: Annotated[Literal["refuse", "accept"], Query()] = "refuse",
) -> Response:
    """Give a file a new schema; answers the task that checks it before it takes effect.

    The body may also state the `dialect` and the `encoding` by which deliveries are read: the three
    are one revision. The task checks the current version: if it breaks the new schema, the task
    fails with a report and nothing changes. A breaking change is refused with the list of
    `changes`, unless the request has `breaking=accept`. From then on the schema is enforced. With
    an `Idempotency-Key` the request may be repeated.
    """
    file_uuid = read_file_id(file_id)
    await work.read(require_changeable, file_uuid)
    document, size, digest = await _read_contract(request, work)
    accept = breaking == "accept"
    match = request.headers.get("if-match")
    idempotent = IdempotentRequest.of(request, "schema", str(file_uuid), digest, accept)

    def act(conn: WriteConnection, actor: Actor, proposal: ContractProposal) -> TaskId:
        def make() -> TaskId:
            return _propose(conn, actor, file_uuid, proposal, accept, match, work)

        return idempotent.run_once(conn, actor, work.now, make)

    task_id = await with_proposal(work, file_uuid, document, size, act)
    work.parts.queue.wake()
    return accepted_response(task_id)


def _load_revisions(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None
) -> tuple[ContractTerms, list[Revision], Revision | None, JsonText | None]:
    """The contract, its revisions, the one that is asked for and its schema."""
    contract = load_visible_terms(conn, actor, file_id)
    revisions = list_schema_revisions(conn, actor, file_id)
    selected = next(iter(revisions), None)
    if number is not None:
        chosen = list_schema_revisions(conn, actor, file_id, number)
        if not chosen:
            raise NotFound
        (selected,) = chosen
    if selected is None:
        return contract, revisions, None, find_current_schema(conn, actor, file_id)
    _, schema = load_revision_schema(conn, contract.file_id, selected.number)
    return contract, revisions, selected, schema


def _propose(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    proposal: ContractProposal,
    accept: bool,
    match: str | None,
    work: UnitOfWork,
) -> TaskId:
    if match is not None:
        current = _etag(load_visible_terms(conn, actor, file_id))
        check_preconditions({"if-match": match}, Validators(current, work.now))
    now = work.parts.clock()
    return propose_contract(conn, actor, file_id, proposal, accept, work.parts.queue, now)


def _etag(contract: ContractTerms) -> str:
    return f'"{contract.file_id.hex}-{contract.revision}"'


async def _read_contract(request: Request, work: UnitOfWork) -> tuple[ContractDocument, int, str]:
    """The body as a sound document, its length and its hash. Raises BodyTooLarge, FieldInvalid,
    SchemaInvalid, DialectInvalid.
    """
    body = await read_small_body(request, work.parts.settings, MAX_SCHEMA_BYTES)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FieldInvalid(field="body", reason="is not UTF-8.") from None
    return await read_contract(work, text), len(text), sha256(body).hexdigest()
