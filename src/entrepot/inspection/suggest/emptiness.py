"""Propose fewer rows, and columns without values, where a delivery has them."""

from typing import Any

import duckdb

from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.suggest.proposal import (
    InspectedTable,
    Proposal,
    ProposedChange,
    error_kind,
)
from entrepot.schemas.json_pointer import join_pointer
from entrepot_client.counts import counted

ROWS = frozenset({"no-rows", "too-few-rows"})
EMPTINESS = ROWS | {"empty-column"}
"""The kinds of errors of a table as a whole that a wider contract mends."""


def propose_emptiness(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, proposal: Proposal
) -> Proposal | None:
    """The schema without what demands more rows, or values where there are none; None where
    anything else is wrong."""
    counts = inspected.checked.counts
    kinds = {error_kind(entry) for entry in counts}
    if inspected.header_errors or not kinds <= EMPTINESS:
        return None
    schema = proposal.schema
    changes: list[ProposedChange] = []
    if kinds & ROWS:
        schema, change = _with_fewer_rows(schema, inspected.checked.rows)
        changes.append(change)
    empty = {entry["fieldName"] for entry in counts if error_kind(entry) == "empty-column"}
    fields = []
    for place, field in enumerate(schema["fields"]):
        kept = field
        if field["name"] in empty:
            kept = {key: value for key, value in field.items() if key != "entrepot:notEmpty"}
            pointer = join_pointer(join_pointer("/schema/fields", place), "entrepot:notEmpty")
            what = f"Column {quoted(field['name'])} may be without any value"
            changes.append(ProposedChange(pointer, what, "it is in this delivery"))
        fields.append(kept)
    return proposal.with_schema({**schema, "fields": fields}, changes)


def _with_fewer_rows(schema: dict[str, Any], rows: int) -> tuple[dict[str, Any], ProposedChange]:
    schema = {key: value for key, value in schema.items() if key != "entrepot:minRows"}
    if rows:
        what = f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} enough"
        schema["entrepot:minRows"] = rows
        reason = "this delivery has no more"
    else:
        what, reason = "Deliveries may have no rows", "this delivery has none"
    return schema, ProposedChange("/schema/entrepot:minRows", what, reason)
