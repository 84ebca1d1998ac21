"""`datapackage.json` of a file and of an account, for programs that read Data Packages (version 2).

Source of the keys: https://datapackage.org/standard/data-package/. A resource names one version, so
that its size and its hash stay true. A delimited text is described as it was uploaded, if the
standard can say how it is read; every other table as its canonical CSV, whose size and hash are not
known before it is made.
"""

import json
import re
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from entrepot import errors
from entrepot.files.queries.packages import (
    PackagedVersion,
    get_packaged,
    list_packaged,
)
from entrepot.http.addresses.read import AddressWork
from entrepot.http.api.models.packages import DataPackage, DataResource
from entrepot.http.api.openapi.answers import GONE, problems
from entrepot.http.deps import ReadWork, UnitOfWork
from entrepot.http.parameters import FileIdInPath, NumberInQuery, refuse_unknown
from entrepot.http.places import API
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot_client.paths import PACKAGE_NAME

files = APIRouter(prefix=API, tags=["files"])
accounts = APIRouter(tags=["files"])

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_INEXPRESSIBLE = ("framed", "blanks", "starts", "trim")
"""Readings of a delimited text that no Table Dialect can say."""


@files.get(
    "/file/{file_id}/datapackage.json",
    operation_id="get_file_package",
    response_model=DataPackage,
    responses=problems(*GONE, errors.NoPublishedVersion, errors.NotAllowed),
)
async def file_package(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    version: NumberInQuery | None = None,
) -> Response:
    """A Data Package of one version of a file, the newest by default: its address, schema, dialect,
    size and hash."""
    refuse_unknown(request, ("version",), "to this package, which takes version.")
    packaged = await work.read(get_packaged, file_id, version)
    return await _answer(request, work, packaged.path or packaged.name, [packaged])


@accounts.get(
    f"/d/{{account}}/{PACKAGE_NAME}",
    operation_id="get_account_package",
    response_model=DataPackage,
    responses=problems(errors.FieldInvalid),
)
async def account_package(
    account: Annotated[str, Path(description="The account that owns the files.")],
    request: Request,
    work: AddressWork,
) -> Response:
    """A Data Package of the newest versions of the account's files that the caller may read.

    At most 1,000 of them, those with the first paths and names. If their schemas have more than
    4,000,000 characters together, the later files are described without a schema.
    """
    refuse_unknown(request, (), "here: the package describes the newest version of each file.")
    packaged = await work.read(list_packaged, account)
    return await _answer(request, work, account, packaged)


async def _answer(
    request: Request, work: UnitOfWork, title: str, packaged: list[PackagedVersion]
) -> Response:
    """The package, made in a parsing process if the documents in it are long. Raises
    SchemaTooCostly, TooManySchemas."""
    chars = sum(len(each.schema or "") + len(each.read or "") for each in packaged)
    arguments = endpoint_of(request), title, packaged
    text = await work.runtime.parser.run(work.account_id, chars, render_package, *arguments)
    return Response(text, headers=HEADERS, media_type="application/json")


def render_package(endpoint: str, title: str, packaged: list[PackagedVersion]) -> str:
    """The package as JSON; `endpoint` is before each address in it."""
    return json.dumps(_package(endpoint, title, packaged), ensure_ascii=False)


def _package(endpoint: str, title: str, packaged: list[PackagedVersion]) -> DataPackage:
    names: Counter[str] = Counter()
    resources = []
    for each in packaged:
        name = _name(each.path or each.name)
        names[name] += 1
        if names[name] > 1:
            name = f"{name}-{names[name]}-{str(each.file_id)[:8]}"
        resources.append(_resource(endpoint, name, each))
    return {"$schema": PROFILE, "name": _name(title), "title": title, "resources": resources}


def _resource(endpoint: str, name: str, packaged: PackagedVersion) -> DataResource:
    title = packaged.path or packaged.name
    resource: DataResource = {
        "name": name,
        "title": title,
        "path": _address(endpoint, packaged, ""),
    }
    if packaged.description:
        resource["description"] = packaged.description
    whole: DataResource = {
        "mediatype": packaged.media_type,
        "bytes": packaged.size,
        "hash": f"sha256:{packaged.sha256}",
    }
    if packaged.schema is None:
        return resource | whole
    schema = json.loads(packaged.schema)
    profile = json.loads(packaged.read or "{}")
    dialect = _dialect(packaged.dialect, profile)
    if dialect is None:
        canonical: DataResource = {
            "type": "table",
            "path": _address(endpoint, packaged, ".csv"),
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": schema,  # its cells are written as the schema says
        }
        return resource | canonical
    as_uploaded: DataResource = {
        "type": "table",
        "format": "csv",
        "encoding": str(profile.get("encoding") or "utf-8"),
        "dialect": dialect,
        "schema": schema,
    }
    return resource | whole | as_uploaded


def _address(endpoint: str, packaged: PackagedVersion, suffix: str) -> str:
    """Where one version is read, in the form of the suffix."""
    if packaged.path is not None:
        return f"{endpoint}/d/{packaged.account}/{packaged.path}{suffix}@{packaged.number}"
    name = f"/{_name(packaged.name)}{suffix}" if suffix else ""
    download = f"{endpoint}/api/v1/file/download/{packaged.file_id}"
    return f"{download}{name}?version={packaged.number}"


def _dialect(stated: dict[str, Any] | None, profile: dict[str, Any]) -> dict[str, Any] | None:
    """How the uploaded bytes are read, as a Table Dialect; None if that cannot say it."""
    read = profile.get("dialect") or {}
    plain = profile.get("format") == "csv" and not profile.get("compression")
    odd = any(read.get(key) for key in _INEXPRESSIBLE) or profile.get("lastRow") is not None
    if not plain or odd or not read.get("delimiter") or profile.get("undecodable"):
        return None
    if stated is not None:
        return stated
    dialect: dict[str, Any] = {"delimiter": read["delimiter"]}
    if read.get("quote"):
        dialect["quoteChar"] = read["quote"]
    if read.get("escape") and read["escape"] != read.get("quote"):
        dialect |= {"escapeChar": read["escape"], "doubleQuote": False}
    if read.get("comment"):
        dialect["commentChar"] = read["comment"]
    if not read.get("header"):
        return dialect | {"header": False}
    rows = profile.get("headerRows") or [1]
    return dialect | ({"headerRows": rows} if rows != [1] else {})


def _name(text: str) -> str:
    """A name as the standard recommends it: lower case, digits and dashes."""
    return _NOT_IN_A_NAME.sub("-", text.lower()).strip("-") or "file"
