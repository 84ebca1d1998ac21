"""Values that occur in many answers: times, ids, hashes, sizes, counts; and what an answer is."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, with_config

answer = with_config(ConfigDict(defer_build=True))
"""Marks the type of a whole answer. Only `/openapi.json` reads it, so its schema is built for that:
to build them all took a twentieth of each start."""

Timestamp = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+0000$",
        examples=["2026-01-31T08:00:00+0000"],
    ),
]
"""A time in UTC and whole seconds. Not `date-time`: RFC 3339 wants a colon in the offset."""
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0, description="Bytes.")]
VersionNumber = Annotated[int, Field(ge=1)]
UserName = Annotated[str, Field(description="`account:user`.", examples=["acme:anna"])]
Path = Annotated[
    str,
    Field(
        description="The file's address in its account: `/d/<account>/<path>`.",
        examples=["sales/2026/orders"],
    ),
]
TableSchema = Annotated[
    dict[str, Any], Field(description="A Table Schema (Data Package v2, Frictionless).")
]
TableDialect = Annotated[
    dict[str, Any], Field(description="A Table Dialect (Data Package v2, Frictionless).")
]
EncodingName = Annotated[
    str, Field(description="An encoding as Python names it.", examples=["cp1252", "utf-8"])
]
