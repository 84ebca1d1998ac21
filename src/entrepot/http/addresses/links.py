"""Read or deliver by a link: `/l/<secret>`, for programs, and for browsers as pages.

A link needs no key, so everything that it answers is about its one file alone.
"""

from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from entrepot import errors
from entrepot.errors import (
    EntrepotError,
    FieldInvalid,
    LinkEnded,
    NotAllowed,
    NotFound,
    VersionDeleted,
    VersionWithdrawn,
)
from entrepot.files.delivery.define import check_file_name
from entrepot.files.processing.cancel import get_visible_task
from entrepot.files.processing.task_report import TaskReport, get_task_report
from entrepot.files.queries.linked import LinkedFileView, get_linked_file
from entrepot.files.queries.read import get_published
from entrepot.files.versions import PublishedVersion
from entrepot.grants.link_use import count_download
from entrepot.http.addresses.deliver import (
    BODY,
    REFUSALS,
    WaitSeconds,
    delivery_problems,
    is_rejected,
    rejection,
    wait_for_verdict,
)
from entrepot.http.addresses.link_access import (
    LinkInPath,
    LinkSecretInPath,
    LinkUser,
    link_problems,
    open_link,
    prefers_page,
)
from entrepot.http.addresses.read import FORMS
from entrepot.http.api.models.inspections import InspectionReport
from entrepot.http.api.models.links import (
    LinkedDelivery,
    LinkedFile,
    PublishedLinkedDelivery,
)
from entrepot.http.api.models.problems import Problem
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.openapi.answers import (
    ACCEPTED,
    ANY_FILE,
    CONVERTING,
    SENDING,
    file_responses,
    headers,
    problems,
)
from entrepot.http.deps import UnitOfWork
from entrepot.http.downloads.forms import get_form
from entrepot.http.downloads.prefer import wait_seconds
from entrepot.http.downloads.response import published_response
from entrepot.http.limits.rates import client_network
from entrepot.http.parameters import TaskIdInPath, refuse_unknown
from entrepot.http.places import LINKS
from entrepot.http.problems.handlers import task_problem
from entrepot.http.stored_documents import json_response, visible_report
from entrepot.http.timestamps import format_timestamp
from entrepot.http.uploads.form import receive_form
from entrepot.http.uploads.raw import receive_raw
from entrepot.http.uploads.target import LinkedVersion
from entrepot.http.web.links.pages import delivery_page, download_page, upload_page
from entrepot.http.web.repeated import single_upload
from entrepot.http.web.session_work import redirect
from entrepot.tasks.records import TaskId, TaskRecord

router = APIRouter(tags=["links"])

USING = (
    errors.NotFound, errors.LinkEnded, errors.LinkPasswordRequired, errors.TooManyAttempts,
)  # fmt: skip
"""What any use of a link may be answered with."""
NO_STORE = {"Cache-Control": "no-store"}
READ: dict[int | str, dict[str, Any]] = file_responses(*ANY_FILE)
# What a link for deliveries is for has none of the headers of a file.
READ[200] |= {"model": LinkedFile, "headers": headers("Cache-Control", "Preference-Applied")}
VERDICT = ACCEPTED | {
    201: {
        "model": PublishedLinkedDelivery,
        "description": "The version is published.",
        "headers": headers("Location", "Preference-Applied"),
    }
}
LINK_REFUSALS = tuple(
    error
    for error in REFUSALS
    if error not in (errors.KeyReused, errors.RequestUnderWay, errors.PreconditionFailed)
)


@router.get(
    "/l/{secret}/deliveries/{task_id}",
    operation_id="get_link_delivery",
    response_model=LinkedDelivery,
    responses=problems(*USING),
)
async def delivery(secret: LinkSecretInPath, task_id: TaskIdInPath, request: Request) -> Response:
    """A delivery by this link, for everybody who knows its id from the answer to the delivery."""
    user = await open_link(request, secret)
    task = await user.work.read(get_visible_task, task_id)
    if not prefers_page(request):
        return json_response(_delivery_payload(user, task), NO_STORE)
    report = await _report(user.work, task) if task.has_report else None
    return await delivery_page(request, user.work, user.secret, task, report)


@router.get(
    "/l/{secret}/deliveries/{task_id}/report.json",
    operation_id="get_link_report",
    response_model=InspectionReport,
    responses=problems(*USING),
)
async def report(secret: LinkSecretInPath, task_id: TaskIdInPath, request: Request) -> Response:
    """The report (Frictionless v5) on a delivery by this link, for everybody who knows its id."""
    user = await open_link(request, secret)
    stored = await _report(user.work, await user.work.read(get_visible_task, task_id))
    if stored is None:
        raise NotFound
    return json_response(await visible_report(user.work, stored.report, stored.reads), NO_STORE)


@router.get(
    "/l/{link:path}",
    operation_id="download_link",
    response_class=Response,
    responses=READ | problems(*SENDING, *CONVERTING, *USING),
)
@router.head(
    "/l/{link:path}",
    operation_id="get_link_headers",
    response_class=Response,
    responses=file_responses(with_body=False) | problems(*SENDING, *CONVERTING, *USING),
)
async def use_link(link: LinkInPath, request: Request) -> Response:
    """Read the file that a link leads to, or see what a link for deliveries is for.

    No key is needed; a password is sent with HTTP Basic and any user name. Ranges,
    conditions and waiting are as for `GET /api/v1/file/download/{file_id}`. `HEAD`, `304` and
    refused requests do not count as downloads, nor do further ranges of the same version from the
    same address within an hour. A browser that asks for an address without a name gets a page.
    """
    user = await open_link(request, link)
    if user.access.delivers:
        return await _show_linked_file(user, request)
    with link_problems():
        published = await _find_version(user, request)
    if prefers_page(request) and not user.name:
        return download_page(request, user.secret, await _usable_file(user), published)
    response = published_response(request, user.work, published)
    is_get = request.method == "GET" and not request.scope.get("answers_head")
    if is_get and response.status_code != 304:
        # Before the first byte: of two who want the last download, one gets it.
        address = user.work.request_origin.address if user.work.request_origin else ""
        counted = published.number, client_network(address), response.status_code == 206
        await user.work.write_into_reserve(count_download, *counted, user.work.now)
    return response


@router.put(
    "/l/{link:path}",
    status_code=202,
    operation_id="upload_to_link",
    response_model=TaskAccepted,
    openapi_extra=BODY,
    responses=VERDICT | delivery_problems(*LINK_REFUSALS, *USING),
)
async def deliver_by_link(link: LinkInPath, request: Request, wait: WaitSeconds = None) -> Response:
    """Deliver a version with a link: the body is its bytes, as `curl -T` sends them.

    Otherwise as `PUT /api/v1/file/{file_id}`: `?wait` answers the verdict. `Idempotency-Key`,
    `If-Match` and `If-None-Match` are refused. A rejected delivery does not use up the link.
    """
    user = await open_link(request, link)
    _require_delivering(user)
    refuse_unknown(request, ("wait",), "to this delivery, which takes wait.")
    for header in ("idempotency-key", "if-match", "if-none-match"):
        if header in request.headers:
            raise FieldInvalid(header, "is not honoured by links. Leave it out.")
    with link_problems():
        target = LinkedVersion(str(user.access.file_id), file_name=await _sent_name(user))
        task_id = await receive_raw(request, user.work, target, None, "")
    task = await wait_for_verdict(request, user.work, task_id, wait)
    location = {"Location": _delivery_address(user, task_id), **NO_STORE}
    if task is not None and task.status == "succeeded":
        document: PublishedLinkedDelivery = {
            "task_id": str(task.id),
            "version": task.version or 0,
            "status": "published",
        }
        return JSONResponse(document, status_code=201, headers=location)
    if task is not None and is_rejected(task):
        where = {"task_id": str(task_id), "version": task.version}
        return rejection(request, task, **where, report_url=_report_address(user, task))
    return JSONResponse({"task_id": str(task_id)}, status_code=202, headers=location)


@router.post("/l/{link:path}", include_in_schema=False, response_model=None)
async def deliver_by_form(link: LinkInPath, request: Request) -> Response:
    """Take the delivery of the page's form and continue to its verdict; or the form again, and why.

    Whoever sends it must know the link, and nothing else comes from the browser: a form of another
    site does nothing that its author could not do.
    """
    user = await open_link(request, link)
    _require_delivering(user)
    try:
        with link_problems():
            async with single_upload(request, user.work) as key:
                target = LinkedVersion(str(user.access.file_id))
                task_id = await receive_form(request, user.work, target, key=key)
    except LinkEnded:
        raise
    except EntrepotError as failure:
        view = await user.work.read(get_linked_file)
        return await upload_page(request, user.work, user.secret, view, failure)
    return redirect(_delivery_address(user, task_id))


async def _show_linked_file(user: LinkUser, request: Request) -> Response:
    view = await _usable_file(user)
    if prefers_page(request):
        return await upload_page(request, user.work, user.secret, view)
    document: dict[str, Any] = {
        "kind": "deliver",
        "file_name": view.name,
        "file_description": view.description,
        "file_size_limit": view.size_limit,
        "enforce_schema": view.mode != "none",
        "schema": view.schema,
        "expires_at": format_timestamp(view.expires_at),
        "uses_left": view.uses_left,
    }
    return json_response(cast(LinkedFile, document), NO_STORE)


async def _usable_file(user: LinkUser) -> LinkedFileView:
    """What the link leads to. Raises LinkEnded if it has no use left."""
    with link_problems():
        view = await user.work.read(get_linked_file)
    if view.uses_left == 0:
        raise LinkEnded
    return view


async def _find_version(user: LinkUser, request: Request) -> PublishedVersion:
    """What the link reads, ready to be sent."""
    work, link = user.work, user.access
    if link.form is None:
        return await work.cached_read(get_published, link.file_id, link.version)
    form = FORMS[link.form]
    return await get_form(work, link.file_id, form, link.version, wait_seconds(request))


async def _sent_name(user: LinkUser) -> str:
    """What the sender calls the file: the end of the address, or the file's own name."""
    if user.name:
        return check_file_name(user.name)
    return (await user.work.read(get_linked_file)).name


def _require_delivering(user: LinkUser) -> None:
    """Raise NotAllowed for a link that only reads."""
    if not user.access.delivers:
        raise NotAllowed(reason="This link reads the file. It does not deliver to it.")


async def _report(work: UnitOfWork, task: TaskRecord) -> TaskReport | None:
    """The report that a delivery ended with; None if there is none, or not any more."""
    try:
        return await work.read(get_task_report, task.id)
    except (NotFound, VersionWithdrawn, VersionDeleted):
        return None


def _delivery_payload(user: LinkUser, task: TaskRecord) -> LinkedDelivery:
    return {
        "task_id": str(task.id),
        "version": task.version or 0,
        "status": task.status,
        "file_size": task.total,
        "created_at": format_timestamp(task.created_at),
        "finished_at": format_timestamp(task.finished_at),
        "error": cast(Problem, task_problem(task.error)) if task.error else None,
        "report": _report_address(user, task),
    }


def _delivery_address(user: LinkUser, task_id: TaskId) -> str:
    return f"{LINKS}{user.secret}/deliveries/{task_id}"


def _report_address(user: LinkUser, task: TaskRecord) -> str | None:
    return f"{_delivery_address(user, task.id)}/report.json" if task.has_report else None
