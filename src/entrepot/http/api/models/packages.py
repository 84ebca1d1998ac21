"""Data Packages (version 2, https://datapackage.org)."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from entrepot.http.api.models.values import Bytes, TableDialect, TableSchema, answer


class DataResource(TypedDict, total=False):
    """One version of a file. A table in another format than CSV is named as its canonical CSV,
    which has no size and hash here."""

    name: str
    title: str
    description: str
    path: Annotated[str, Field(description="Where one version is read with the same key.")]
    type: Literal["table"]
    format: str
    mediatype: str
    encoding: str
    bytes: Bytes
    hash: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    dialect: TableDialect
    schema: TableSchema


DataPackage = TypedDict(
    "DataPackage",
    {
        "$schema": Annotated[str, Field(json_schema_extra={"format": "uri"})],
        "name": str,
        "title": str,
        "resources": list[DataResource],
    },
)
"""Files with what a program needs to read them."""
answer(DataPackage)
