"""Define a file and upload its first version, or only have it judged, by a plain form.

The bytes stream through the same reception as the API's. The form has a choice, a text and a file
where the API has the one field `enforce_schema`; what was filled in comes back with a refusal,
except for files, which browsers do not let a page fill in.
"""

from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import StoredBlob
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    DialectInvalid,
    EntrepotError,
    FieldInvalid,
    NotAuthenticated,
    SchemaInvalid,
)
from entrepot.files.delivery.define import Definition
from entrepot.files.delivery.validate import ValidationRequest
from entrepot.http.api.uploads import DEFINITION, VALIDATION
from entrepot.http.deps import UnitOfWork
from entrepot.http.problems.table import kind_of
from entrepot.http.uploads.form import Purpose, UploadForm, receive_form
from entrepot.http.uploads.session import UploadSession
from entrepot.http.web.rendering import page
from entrepot.http.web.signed_in import PageWork, SignedIn, go
from entrepot.quotas.reserve import Usage, get_usage
from entrepot.tasks.records import TaskId

router = APIRouter()

SUGGESTED_LIMIT = 10_000_000
"""Bytes that the form suggests as a size limit, or what is free if that is less."""

ENFORCE = {"none": "false", "infer": "true"}
FIELDS = (
    "file_description",
    "file_size_limit",
    "contract",
    "schema",
    "schema_file",
    "only_check",
    "table_dialect",
)
LONGEST_KEPT = 100_000
"""Characters of a field that a refused form shows again."""


@dataclass
class Filled:
    """The form as far as it has come, to be shown again if it is refused."""

    form: UploadForm = field(default_factory=UploadForm)

    async def bound(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """The size limit, once its field has come."""
        self.form = form
        return await DEFINITION.bound(form, name, work)

    def text(self, name: str, otherwise: str = "") -> str:
        """What a field has, as far as it is text."""
        raw = bytes(self.form.fields.get(name, otherwise.encode()))
        return raw.decode("utf-8", "replace")[:LONGEST_KEPT]


@router.get("/upload", response_model=None)
async def show(request: Request, work: SignedIn) -> Response:
    """The form."""
    return await _form(request, work, Filled(), None)


@router.post("/upload", response_model=None)
async def upload(request: Request, work: SignedIn) -> Response:
    """Take the delivery and go on to the page of its task; or the form again, and why."""
    filled = Filled()
    try:
        task_id = await receive_form(request, work, Purpose(FIELDS, filled.bound, _read, _commit))
    except NotAuthenticated:
        raise
    except EntrepotError as failure:
        return await _form(request, work, filled, failure)
    return go(f"/tasks/{task_id}")


def _read(form: UploadForm, work: UnitOfWork) -> Definition | ValidationRequest:
    """What is asked, by the fields of the API. Raises FieldInvalid, SchemaInvalid, …"""
    form.fields["enforce_schema"] = bytearray(_enforcement(form), "utf-8")
    return (VALIDATION if form.text("only_check") else DEFINITION).read(form, work)


def _enforcement(form: UploadForm) -> str:
    """The field `enforce_schema` that says what the form's fields say. Raises FieldInvalid."""
    choice = form.text("contract") or "none"
    pasted, sent = form.text("schema") or "", form.text("schema_file") or ""
    if choice in ENFORCE:
        if pasted.strip() or sent:
            reason = "is filled in, but the contract chosen is another; choose “this schema”."
            raise FieldInvalid(field="schema", reason=reason)
        return ENFORCE[choice]
    if choice != "given":
        raise FieldInvalid(field="contract", reason="is none, infer or given.")
    if bool(pasted.strip()) == bool(sent):
        reason = "paste it or choose its file" + (", not both." if sent else ".")
        raise FieldInvalid(field="schema", reason=reason)
    text = (pasted or sent).removeprefix("\ufeff")
    if text.strip().lower() in ("true", "false"):
        raise FieldInvalid(field="schema", reason="is a Table Schema as JSON.")
    return text


def _commit(
    conn: WriteConnection,
    actor: Actor,
    asked: Definition | ValidationRequest,
    upload_session: UploadSession,
    stored: StoredBlob,
    work: UnitOfWork,
) -> TaskId:
    if isinstance(asked, ValidationRequest):
        return VALIDATION.commit(conn, actor, asked, upload_session, stored, work)
    return DEFINITION.commit(conn, actor, asked, upload_session, stored, work)


async def _form(
    request: Request, work: PageWork, filled: Filled, failure: EntrepotError | None
) -> Response:
    def look(conn: ReadConnection, actor: Actor) -> Usage:
        return get_usage(conn, actor.account_id)

    actor, usage = await work.look(look)
    kind = kind_of(failure) if failure is not None else None
    suggested = max(1, min(SUGGESTED_LIMIT, usage.free))
    return page(
        request,
        "upload/page.html",
        actor,
        status=kind.status if kind else 200,
        usage=usage,
        limit=filled.text("file_size_limit", str(suggested)),
        filled=filled,
        failure=failure,
        kind=kind,
        field=_field_of(failure),
    )


def _field_of(failure: EntrepotError | None) -> str | None:
    """The field beside which a refusal is told, if it is about one."""
    match failure:
        case FieldInvalid():
            return "schema" if failure.field == "enforce_schema" else failure.field
        case SchemaInvalid():
            return "schema"
        case DialectInvalid():
            return "table_dialect"
        case _:
            return None
