"""Read a Table Schema or a Table Dialect from a file."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.models import ReadingOptions

MAX_BYTES = 64_000_000
"""Of a schema or a dialect: more than any server takes."""
SCHEMA_EXAMPLE = 'Give a Table Schema like {"fields": [{"name": "id", "type": "integer"}]}.'
DIALECT_EXAMPLE = 'Give a Table Dialect like {"headerRows": [3]}.'

DialectOption = Annotated[
    Path | None,
    typer.Option(
        "--dialect",
        metavar="FILE",
        help="A Table Dialect (JSON) that says how the file is read.",
        exists=True,
        dir_okay=False,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="The encoding of the file, such as windows-1252.",
        show_default=False,
    ),
]


def read_schema(path: Path) -> Mapping[str, Any]:
    """The JSON object in the file. Raises Failure for anything else."""
    return _read_object(path, SCHEMA_EXAMPLE)


def read_reading(dialect: Path | None, encoding: str | None) -> ReadingOptions:
    """What the options --dialect and --encoding state. Raises Failure."""
    document = None
    if dialect is not None:
        document = _read_object(dialect, DIALECT_EXAMPLE)
    return ReadingOptions(document, encoding)


def require_regular_file(path: Path) -> None:
    """Raise Failure for a path whose bytes are not those of a file that can be read again."""
    if not path.is_file():  # opening a pipe would wait for its writer
        raise Failure(
            f"{str(path)!r} is not a regular file.",
            "Write what it gives to a file first.",
            ExitStatus.WRONG_USAGE,
        )
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> Failure:
    # An error of reading, other than one of opening, does not name the file.
    return Failure(
        f"{str(path)!r} cannot be read: {error.strerror or error}.",
        "Check the path and its rights.",
    )


def _read_object(path: Path, example: str) -> Mapping[str, Any]:
    try:
        content = _read_bytes(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if content is None:
        raise Failure(
            f"{str(path)!r} has more than {MAX_BYTES:,} bytes, so it cannot be a schema.",
            example,
            ExitStatus.WRONG_USAGE,
        )
    try:
        document = json.loads(content)
    except ValueError as error:
        where = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise Failure(
            f"{path} is not valid JSON{where}.", example, ExitStatus.WRONG_USAGE
        ) from error
    if not isinstance(document, dict):
        raise Failure(f"{path} does not contain a JSON object.", example, ExitStatus.WRONG_USAGE)
    return document


def _read_bytes(path: Path) -> bytes | None:
    """All bytes of the file, or of a pipe that somebody writes to, as in `--schema <(jq . x)`; None
    for more than `MAX_BYTES`, such as those of a device. A pipe without a writer is empty."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.set_blocking(descriptor, True)
        content = file.read(MAX_BYTES + 1)
    return content if len(content) <= MAX_BYTES else None


def schema_text(schema: Mapping[str, Any]) -> str:
    """A Table Schema as JSON for people: indented, with each list of plain values on one line."""
    return _indented(schema, "")


def _indented(value: Any, margin: str) -> str:
    inner = f"{margin}  "
    if isinstance(value, Mapping) and value:
        lines = [
            f"{inner}{json.dumps(name, ensure_ascii=False)}: {_indented(each, inner)}"
            for name, each in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        return "[\n" + ",\n".join(inner + _indented(e, inner) for e in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False)
