"""Propose other rules for columns: another order, and new columns that deliveries may lack.

A column that is missing or named otherwise is never made up for.
"""

from dataclasses import replace
from typing import Any

import duckdb

from entrepot.inspection.check.infer import infer_schema
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.suggest.proposal import InspectedTable, Proposal, ProposedChange
from entrepot.inspection.table import Column, Table
from entrepot.schemas.compare_schemas import MISSING_COLUMN_RULES, fields_match_rule
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.table_schema import MAX_FIELDS, to_document

MAX_NEW_COLUMNS = 100
"""Columns that a proposal adds; with more it is another table."""
DESCRIBED_ELSEWHERE = ("entrepot:notEmpty",)
"""What inference says of a column that a delivery may not lack."""


def propose_columns(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, proposal: Proposal
) -> Proposal | None:
    """The schema under which the delivered header is sound; None where a column of the contract is
    missing, or one has no name of its own. Raises duckdb.Error where the scan fails."""
    table, schema = inspected.table, inspected.schema
    if not inspected.header_errors or not table.header or table.misplaced_header:
        return None
    names, labels = {field.name for field in schema.fields}, table.labels
    if not all(labels) or len(set(labels)) < len(labels) or not names <= set(labels):
        return None
    new = [column for column in table.columns if column.label not in names]
    if not new:
        return _in_any_order(proposal)
    if len(new) > MAX_NEW_COLUMNS or len(labels) > MAX_FIELDS:
        return None
    return _with_columns(proposal, _infer_fields(engine, table, new))


def _in_any_order(proposal: Proposal) -> Proposal | None:
    if fields_match_rule(proposal.schema) != "exact":
        return None
    change = ProposedChange(
        "/schema/fieldsMatch",
        "Columns may stand in any order (fieldsMatch: equal)",
        "this delivery has all columns, in another order",
    )
    return proposal.with_schema({**proposal.schema, "fieldsMatch": "equal"}, [change])


def _with_columns(proposal: Proposal, fields: list[Field] | None) -> Proposal | None:
    """The schema with further fields. Only where fields may have no column they are optional."""
    if fields is None:
        return None
    document, changes = proposal.schema, []
    if fields_match_rule(document) not in MISSING_COLUMN_RULES:
        what = "Deliveries may lack columns that need no value, and have columns in any order"
        reason = "a new column can be optional only then (fieldsMatch: superset)"
        changes.append(ProposedChange("/schema/fieldsMatch", what, reason))
        document = {**document, "fieldsMatch": "superset"}
    position = len(document["fields"])
    for number, field in enumerate(fields, start=position):
        what = f"A column {quoted(field.name)} ({field.type}) may be there"
        pointer = join_pointer("/schema/fields", number)
        changes.append(ProposedChange(pointer, what, "this delivery has it"))
    added = [_optional(field) for field in fields]
    return proposal.with_schema({**document, "fields": [*document["fields"], *added]}, changes)


def _optional(field: Field) -> dict[str, Any]:
    document = _document(field)
    return {name: value for name, value in document.items() if name not in DESCRIBED_ELSEWHERE}


def _document(field: Field) -> dict[str, Any]:
    fields: list[dict[str, Any]] = to_document(TableSchema((field,)))["fields"]
    return fields[0]


def _infer_fields(
    engine: duckdb.DuckDBPyConnection, table: Table, columns: list[Column]
) -> list[Field] | None:
    """What the new columns hold; None where a label is not a name of a field."""
    part = replace(table, columns=tuple(columns), lines=None, first_rows=(), embedded=lambda: 0)
    fields = list(infer_schema(engine, part).schema.fields)
    named = all(field.name == column.label for field, column in zip(fields, columns, strict=True))
    return fields if named else None
