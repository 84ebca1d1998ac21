"""The local engine for the client's commands, loaded by the entry point `entrepot.engine`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from entrepot.errors import SchemaInvalid
from entrepot.inspection.local import validate_file
from entrepot.inspection.results import InspectionFailed, Mode
from entrepot.schemas.table_schema import parse_schema, to_document
from entrepot_client.cli.failures import ExitStatus, Failure


def validate(
    path: Path,
    schema: Mapping[str, Any] | None,
    mode: str,
    dialect: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Validate a file in a sandbox process on this machine: whether it is valid, and the report.

    Raises Failure for an invalid schema, and if the engine could not run.
    """
    try:
        document = to_document(parse_schema(dict(schema))) if schema is not None else None
        result = validate_file(
            path, document, cast(Mode, mode), dict(dialect) if dialect is not None else None
        )
    except SchemaInvalid as wrong:
        advice = "Correct the Table Schema there."
        raise Failure(
            str(wrong), advice, ExitStatus.WRONG_USAGE, figures=wrong.figures()
        ) from wrong
    except InspectionFailed as failed:
        raise Failure(str(failed), "Try again.") from failed
    return {
        "valid": result.verdict == "conforms",
        "detail": result.detail,
        "report": result.report,
        "schema": result.schema,
    }
