"""Read a file by its address, in the form that the address ends with."""

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from entrepot import errors
from entrepot.accounts.actor import Scope
from entrepot.errors import FieldInvalid, NotFound
from entrepot.files.delivery.quarantine import get_stored
from entrepot.files.queries.addresses import find_addressed
from entrepot.http.api.openapi.answers import (
    ANY_FILE,
    CONVERTING,
    SENDING,
    file_responses,
    problems,
)
from entrepot.http.deps import ReadWork, RequireScope, UnitOfWork, open_work
from entrepot.http.downloads.forms import get_form
from entrepot.http.downloads.prefer import wait_seconds
from entrepot.http.downloads.response import published_response
from entrepot.http.parameters import FileIdInPath, NumberInQuery, refuse_unknown
from entrepot.http.places import API, is_plain
from entrepot.http.web.session_work import page_work
from entrepot.inspection.results import Form

downloads = APIRouter(prefix=API, tags=["files"])
addresses = APIRouter(tags=["files"])

FORMS: dict[str, Form] = {form: form for form in get_args(Form)}
READING = problems(*SENDING, *CONVERTING, errors.NotAllowed)
AccountInPath = Annotated[str, Path(description="The account that owns the file.")]
AddressInPath = Annotated[
    str,
    Path(
        description="The file's path, then `.csv`, `.jsonl`, `.parquet` or `.arrow` for a form of "
        "it, and `@` with a version's number for that version: `sales/orders.parquet@3`."
    ),
]
NameInPath = Annotated[
    str, Path(description="Any name with the extension of a format, such as `orders.parquet`.")
]


def _open_for_key_or_session(request: Request, scope: Scope | None) -> UnitOfWork:
    """A unit of work for the holder of a key with `scope`, and for a browser's session."""
    if "authorization" in request.headers:
        return open_work(request, scope)
    return page_work(request)


require_reader_or_session = RequireScope("read", _open_for_key_or_session)

AddressWork = Annotated[UnitOfWork, Depends(require_reader_or_session)]


@downloads.get(
    "/file/download/{file_id}/{name}",
    operation_id="download_file_by_name",
    response_class=Response,
    responses=file_responses(*ANY_FILE) | READING | problems(errors.FieldInvalid),
)
@downloads.head(
    "/file/download/{file_id}/{name}",
    operation_id="get_named_download_headers",
    response_class=Response,
    responses=file_responses(with_body=False) | READING | problems(errors.FieldInvalid),
)
async def download_by_name(
    file_id: FileIdInPath,
    name: NameInPath,
    request: Request,
    work: ReadWork,
    version: NumberInQuery | None = None,
) -> Response:
    """The form of a version that the extension of `name` says: `csv`, `jsonl`, `parquet`, `arrow`.

    For tools that look at the end of an address. The name before the extension has no effect. The
    extension of the file's own name gives the bytes as they were uploaded, if it is not the
    extension of a format. Otherwise as `GET /api/v1/file/download/{file_id}`.
    """
    form = FORMS.get(name.rpartition(".")[2])
    if form is None:
        published = await work.cached_read(get_stored, file_id, version)
        suffix = published.file_name.rpartition(".")[2]
        if "." not in name or name.rpartition(".")[2].lower() != suffix.lower():
            raise FieldInvalid(
                "name",
                f"must end with .{suffix}, as the file was uploaded, or with a form: "
                f"{', '.join(f'.{each}' for each in FORMS)}.",
                "orders.parquet",
            )
        return published_response(request, work, published)
    return await _send(request, work, file_id, form, version)


@addresses.get(
    "/d/{account}/{address:path}",
    operation_id="download_address",
    response_class=Response,
    responses=file_responses(*ANY_FILE) | READING | problems(errors.FieldInvalid),
)
@addresses.head(
    "/d/{account}/{address:path}",
    operation_id="get_address_headers",
    response_class=Response,
    responses=file_responses(with_body=False) | READING | problems(errors.FieldInvalid),
)
async def read_address(
    account: AccountInPath, address: AddressInPath, request: Request, work: AddressWork
) -> Response:
    """A file by its path in its account; the newest published version as it was uploaded.

    `/d/acme/sales/orders.parquet@3` is version 3 of `/d/acme/sales/orders` as Parquet. The end of
    an address is read as a form only if no file has the whole path. The key may also be sent as
    the password of HTTP Basic. Ranges, conditions and waiting are as for `GET
    /api/v1/file/download/{file_id}`.
    """
    require_plain(request)
    refuse_unknown(request, (), "here: the address names a version and a form, as orders.csv@3.")
    addressed = await work.cached_read(find_addressed, account, address)
    return await _send(request, work, addressed.file_id, addressed.form, addressed.version)


def require_plain(request: Request) -> None:
    """Raise NotFound for a path with an escaped slash: proxies disagree on whether it divides."""
    if not is_plain(request):
        raise NotFound


async def _send(
    request: Request, work: UnitOfWork, file_id: UUID, form: Form | None, version: int | None
) -> Response:
    if form is None:
        published = await work.cached_read(get_stored, file_id, version)
    else:
        published = await get_form(work, file_id, form, version, wait_seconds(request))
    return published_response(request, work, published)
