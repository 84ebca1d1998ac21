"""The engine that validates tables, if the server's package is installed too.

A package offers it by an entry point of the group `entrepot.engine` that loads to a function
`validate(path, schema, mode, dialect, encoding) -> dict` (see `ValidationResult`). This package has
none: it must run without the server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot_client.entry_points import find_entry_points
from entrepot_client.models import DETECTED, ReadingOptions

GROUP = "entrepot.engine"

Validate = Callable[
    [Path, Mapping[str, Any] | None, str, Mapping[str, Any] | None, str | None], dict[str, Any]
]


@dataclass(frozen=True)
class ValidationResult:
    """The result of a validation: `report` is a Frictionless v5 report, `detail` its outcome in one
    sentence, `schema` the inferred Table Schema (or the given one), if it is known."""

    valid: bool
    detail: str
    report: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None


def find_engine() -> Validate | None:
    """The installed engine; None if there is none."""
    for entry_point in find_entry_points(GROUP):
        if entry_point.name == "validate":
            validate: Validate = entry_point.load()
            return validate
    return None


def run_engine(
    validate: Validate,
    path: Path,
    schema: Mapping[str, Any] | None,
    mode: str,
    reading: ReadingOptions = DETECTED,
) -> ValidationResult:
    """Validate a file on this machine: `mode` is `none`, `infer` or `given` (then with a
    `schema`)."""
    result = validate(path, schema, mode, reading.dialect, reading.encoding)
    return ValidationResult(result["valid"], result["detail"], result["report"], result["schema"])
