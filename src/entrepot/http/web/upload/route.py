"""Define a file and upload its first version, or only have it judged, by a plain form.

The bytes stream through the same reception as the API's. The form has a choice, a text and a file
where the API has the one field `enforce_schema`; what was filled in comes back with a refusal,
except for files, which browsers do not let a page fill in.
"""

from dataclasses import dataclass, replace

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import (
    DialectInvalid,
    EntrepotError,
    FieldInvalid,
    NotAuthenticated,
    PathTaken,
    SchemaInvalid,
)
from entrepot.files.delivery.uploads import UploadTarget
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.form import UploadForm, receive_form
from entrepot.http.uploads.target import NewFile, ValidationOnly
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import failure_values, page
from entrepot.http.web.repeated import single_upload
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.http.web.sizes import read_size_limit, write_size_limit
from entrepot.quotas.reserve import Usage, get_usage

router = page_router()

SUGGESTED_LIMIT = 10_000_000
"""Bytes that the form suggests as a size limit, or what is free if that is less."""

ENFORCE = {"none": "false", "infer": "true"}
FIELDS = (
    "file_description",
    "file_size_limit",
    "path",
    "contract",
    "schema",
    "schema_file",
    "only_check",
    "table_dialect",
    "encoding",
)
SHOWN_FIELDS = (
    "file",
    "file_description",
    "file_size_limit",
    "path",
    "schema",
    "table_dialect",
    "encoding",
)
"""The fields beside which the page has a place for what is wrong."""
LONGEST_KEPT = 100_000
"""Characters of a field that a refused form shows again."""


@dataclass(frozen=True)
class FilledForm:
    """The form as far as it came, to be shown again if it is refused."""

    form: UploadForm

    def text(self, name: str, otherwise: str = "") -> str:
        """What a field has, as far as it is text."""
        raw = bytes(self.form.fields.get(name, otherwise.encode()))
        return raw.decode("utf-8", "replace")[:LONGEST_KEPT]


class PageUpload(NewFile):
    """What the page's form asks for: a new file, or a validation alone. It is not repeatable."""

    fields = FIELDS
    request_name = None

    async def limit(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """The bytes of the size limit, which people write with a unit. Raises FieldInvalid."""
        return _size_limit(form, work) if name == "file_size_limit" else None

    async def with_form(self, form: UploadForm, work: UnitOfWork) -> UploadTarget:
        """The target by the fields of the API; those of the form stay as they were typed. Raises
        FieldInvalid, SchemaInvalid, …"""
        fields = {**form.fields, "enforce_schema": bytearray(_enforcement(form), "utf-8")}
        if form.text("file_size_limit") is not None:
            fields["file_size_limit"] = bytearray(str(_size_limit(form, work)), "ascii")
        target = ValidationOnly() if form.text("only_check") else NewFile()
        return await target.with_form(replace(form, fields=fields), work)


@router.get("/upload", response_model=None)
async def show(request: Request, work: SessionWork) -> Response:
    """The form."""
    return await _form(request, work, UploadForm(), None)


@router.post("/upload", response_model=None)
async def upload(request: Request, work: SessionWork) -> Response:
    """Take the delivery and continue to the page of its task; or the form again, and why. Fields
    without a file, of a form that the end of a session interrupted, are shown in the form again."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        pairs = (await read_form(request)).pairs()
        known = {name: bytearray(text, "utf-8") for name, text in pairs if name in FIELDS}
        return await _form(request, work, UploadForm(known), None)
    form = UploadForm()
    try:
        async with single_upload(request, work) as key:
            task_id = await receive_form(request, work, PageUpload(), form, key)
    except NotAuthenticated:
        raise
    except EntrepotError as failure:
        return await _form(request, work, form, failure)
    return redirect(f"/tasks/{task_id}")


def _size_limit(form: UploadForm, work: UnitOfWork) -> int:
    """The bytes of the size limit. Raises FieldInvalid."""
    return read_size_limit(form.text("file_size_limit") or "", work.parts.settings.max_file_size)


def _enforcement(form: UploadForm) -> str:
    """The field `enforce_schema` that says what the form's fields say. Raises FieldInvalid."""
    choice = form.text("contract") or "none"
    pasted, sent = form.text("schema") or "", form.text("schema_file") or ""
    if choice in ENFORCE:
        if pasted.strip() or sent:
            reason = "is filled in, but is not the choice above. Choose “Enforced, as given here”."
            raise FieldInvalid(field="schema", reason=reason)
        return ENFORCE[choice]
    if choice != "given":
        raise FieldInvalid(field="contract", reason="must be none, infer or given.")
    if bool(pasted.strip()) == bool(sent):
        reason = "paste it or choose its file" + (", not both." if sent else ".")
        raise FieldInvalid(field="schema", reason=reason)
    text = (pasted or sent).removeprefix("\ufeff")
    if text.strip().lower() in ("true", "false"):
        raise FieldInvalid(field="schema", reason="must be a Table Schema as JSON.")
    return text


async def _form(
    request: Request, work: PageWork, form: UploadForm, failure: EntrepotError | None
) -> Response:
    def load(conn: ReadConnection, actor: Actor) -> Usage:
        return get_usage(conn, actor.account_id)

    actor, usage = await work.read_with_actor(load)
    filled = FilledForm(form)
    suggested = SUGGESTED_LIMIT if usage.free >= SUGGESTED_LIMIT else max(1, usage.free)
    return page(
        request,
        "upload/page.html",
        actor,
        **failure_values(failure),
        usage=usage,
        limit=filled.text("file_size_limit", write_size_limit(suggested)),
        filled=filled,
        field=_field_of(failure),
    )


def _field_of(failure: EntrepotError | None) -> str | None:
    """The field beside which a refusal is shown, if it is about one of the page's."""
    match failure:
        case FieldInvalid(field="enforce_schema"):
            return "schema"
        case FieldInvalid(field=field) if field in SHOWN_FIELDS:
            return field
        case PathTaken():
            return "path"
        case SchemaInvalid():
            return "schema"
        case DialectInvalid():
            return "table_dialect"
        case _:
            return None
