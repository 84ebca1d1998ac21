"""Read a Table Schema or a Table Dialect from a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.models import ReadingOptions

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


def _read_object(path: Path, example: str) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
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
