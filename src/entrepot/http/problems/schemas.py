"""JSON Schemas of problem documents: one for each code, made from the table and the errors.

The figures of an error are the fields of its dataclass, so the schema of a code names each figure
with its type. `http.api.openapi.answers` says which operation answers which codes.
"""

from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from entrepot.errors import EntrepotError
from entrepot.http.problems.meanings import MEANINGS
from entrepot.http.problems.table import FRAMEWORK_KINDS, KINDS
from entrepot.http.problems.task_table import DELIVERY_CODES, TASK_KINDS, ProblemKind

COMMON: dict[str, dict[str, Any]] = {
    "title": {"type": "string"},
    "detail": {"type": "string", "description": "One sentence about this occurrence."},
    "request_id": {"type": "string"},
}
REQUIRED = ("type", "title", "status", "detail", "code")
TIMESTAMP = {"type": "string", "examples": ["2026-01-31T08:00:00+0000"]}
"""A time in the one form of the API (`http.timestamps`)."""
VERDICTS = tuple(kind for kind in TASK_KINDS.values() if kind.code in DELIVERY_CODES)
"""The problems of a delivery whose sender waited for its verdict."""
VERDICT_FIGURES: dict[str, Any] = {
    "task_id": {"type": "string", "format": "uuid"},
    "file_id": {"type": "string", "format": "uuid"},
    "version": {"type": "integer", "minimum": 1},
    "report_url": {"type": "string", "description": "The whole report."},
    "errors": {
        "type": "array",
        "items": {"type": "object"},
        "description": "The first errors of the report.",
    },
    "error_count": {"type": "integer", "minimum": 0},
}
OMITTED_FIGURES = ("reason",)
"""Figures that are not members, because `detail` says the same."""


def schema_name(code: str) -> str:
    """The component that describes a code: `FileTooLargeProblem` for `file-too-large`."""
    return "".join(word.capitalize() for word in code.split("-")) + "Problem"


def problem_schemas() -> dict[str, dict[str, Any]]:
    """The components of all codes that an answer can have, by name."""
    kinds: dict[str, ProblemKind] = {kind.code: kind for kind in FRAMEWORK_KINDS.values()}
    errors: dict[str, list[type[EntrepotError]]] = {}
    for error, kind in KINDS.items():
        kinds[kind.code] = kind
        errors.setdefault(kind.code, []).append(error)
    schemas = {
        schema_name(code): _schema(kinds[code], errors.get(code, [])) for code in sorted(kinds)
    }
    for kind in VERDICTS:
        schema = schemas.setdefault(schema_name(kind.code), _schema(kind, []))
        schema["properties"] |= VERDICT_FIGURES
        schema["additionalProperties"] = True
        schema["required"] = list(REQUIRED)  # the figures of a request's own refusal are others
    return schemas


def has_retry_after(kind: ProblemKind) -> bool:
    """Whether an answer of this kind says with `Retry-After` when to ask again."""
    return any(
        field.name == "retry_after"
        for error, each in KINDS.items()
        if each.code == kind.code
        for field in fields(error)
    )


def _schema(kind: ProblemKind, errors: list[type[EntrepotError]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    required: list[set[str]] = []
    for error in errors if kind.status != 500 else ():
        figure_schemas, names = _figures(error)
        figures |= figure_schemas
        required.append(names)
    # The framework's own checks answer 422 as well, and name the field alone.
    in_all = set.intersection(*required) if required and kind.status != 404 else set()
    return {
        "title": schema_name(kind.code),
        "description": f"{MEANINGS[kind.code]} {kind.advice}",
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": f"/problems/{kind.code}"},
            "status": {"type": "integer", "const": kind.status},
            "code": {"type": "string", "const": kind.code},
            **COMMON,
            **figures,
        },
        "required": [*REQUIRED, *(name for name in figures if name in in_all)],
    }


def _figures(error: type[EntrepotError]) -> tuple[dict[str, Any], set[str]]:
    """The members that the fields of an error become, and which of them are always there."""
    hints = get_type_hints(error)
    figure_schemas, required = {}, set()
    for field in fields(error):
        if field.name in OMITTED_FIGURES:
            continue
        hint = hints[field.name]
        figure_schemas[field.name] = (
            TIMESTAMP if hint is datetime else TypeAdapter(hint).json_schema(mode="serialization")
        )
        may_be_missing = field.default is None and field.default is not MISSING
        if not may_be_missing:
            required.add(field.name)
    return figure_schemas, required
