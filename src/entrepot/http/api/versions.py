"""Versions of a file: deliver a further one."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import Stored
from entrepot.db.types import Writing
from entrepot.files.contract import load_contract
from entrepot.files.deliver import Accepted, deliver_version
from entrepot.grants.access import access_deliverable
from entrepot.http.api.payloads import TaskAccepted
from entrepot.http.api.uploads import PROPERTIES, accepted_response, form_of, read_id
from entrepot.http.delivery_form import Form, Purpose, receive_form
from entrepot.http.deps import Work, WriteWork
from entrepot.http.reception import Admission, Reception

router = APIRouter(tags=["files"])

FileIdText = Annotated[str, PathParameter(json_schema_extra={"format": "uuid"})]
"""Not as a UUID, which the framework would refuse before all else, and so in another order."""

DELIVERED = form_of({"file": PROPERTIES["file"]}, ["file"])


@dataclass(frozen=True)
class Delivery:
    """What a form delivers: the file's name there, and the most bytes that the server takes."""

    file_name: str
    size_limit: int


@router.post(
    "/file/{file_id}/versions",
    status_code=202,
    openapi_extra=DELIVERED,
    response_model=TaskAccepted,
)
async def new_version(file_id: FileIdText, request: Request, work: WriteWork) -> JSONResponse:
    """Deliver a further version of a file; answers the task that inspects it.

    The file's own size limit, schema and dialect bind, and its account's quota. Versions of one
    file are inspected in the order of their numbers; until this one is published, and if it is
    refused, readers stay on the last good one.
    """
    accepted = await receive_form(request, work, _delivery_to(file_id))
    return accepted_response(accepted.task_id)


def _delivery_to(file_id: str) -> Purpose[Delivery, Accepted]:
    def admit(conn: Writing, actor: Actor) -> Admission:
        target = access_deliverable(conn, actor, read_id(file_id))
        return Admission(target.account_id, load_contract(conn, target.file_id).size_limit)

    def commit(
        conn: Writing,
        actor: Actor,
        delivery: Delivery,
        reception: Reception,
        stored: Stored,
        work: Work,
    ) -> Accepted:
        target = access_deliverable(conn, actor, UUID(file_id))
        blob_id, reservation = reception.blob_id, reception.reservation
        queue, now = work.parts.queue, work.parts.clock()
        name = delivery.file_name
        return deliver_version(conn, target, name, blob_id, stored, reservation, queue, now)

    return Purpose((), _no_bound, _read_delivery, commit, admit)


async def _no_bound(form: Form, name: str, work: Work) -> int | None:
    del form, name, work
    return None


def _read_delivery(form: Form, work: Work) -> Delivery:
    return Delivery(form.name_of_file(), work.parts.settings.max_file_size)
