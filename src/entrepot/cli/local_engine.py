"""The local engine for the client's commands, loaded by the entry point `entrepot.engine`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from entrepot.errors import DialectInvalid, FieldInvalid, SchemaInvalid
from entrepot.inspection.local import validate_file
from entrepot.inspection.results import InspectionFailed, Mode
from entrepot.schemas.reading.stated import check_dialect, parse_encoding
from entrepot.schemas.table_schema import parse_schema, to_document
from entrepot_client.cli.explain import with_options
from entrepot_client.cli.failures import ExitStatus, Failure

ADVICE: dict[type[Exception], str] = {
    SchemaInvalid: "Correct the Table Schema there.",
    DialectInvalid: "Correct the Table Dialect there.",
    FieldInvalid: "Give one of these names, or leave it out.",
}


def validate(
    path: Path,
    schema: Mapping[str, Any] | None,
    mode: str,
    dialect: Mapping[str, Any] | None,
    encoding: str | None,
) -> dict[str, Any]:
    """Validate a file in a sandbox process on this machine: whether it is valid, and the report.

    Raises Failure for an invalid schema, dialect or encoding, and if the engine could not run.
    """
    try:
        document = to_document(parse_schema(dict(schema))) if schema is not None else None
        sound = check_dialect(dict(dialect), "dialect") if dialect is not None else None
        encoding = parse_encoding(encoding)
        result = validate_file(path, document, cast(Mode, mode), sound, encoding)
    except (SchemaInvalid, DialectInvalid, FieldInvalid) as wrong:
        advice = ADVICE[type(wrong)]
        raise Failure(
            with_options(str(wrong), getattr(wrong, "field", "")),
            advice,
            ExitStatus.WRONG_USAGE,
            figures=wrong.figures(),
        ) from wrong
    except InspectionFailed as failed:
        raise Failure(str(failed), "Try again.") from failed
    return {
        "valid": result.verdict == "conforms",
        "detail": result.detail,
        "report": result.report,
        "schema": result.schema,
    }
