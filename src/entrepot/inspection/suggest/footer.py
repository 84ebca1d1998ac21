"""Propose `entrepot:footer` where the last records are wrong and look like notes or totals.

What is called a footer is judged no more. So it must look like one, whatever else it breaks: a row
that was cut short, or has a wrong cell, is never taken for one.
"""

import duckdb

from entrepot.inspection.csv.contract.rows import MAX_FOOTER_RECORDS
from entrepot.inspection.csv.layout import is_rule
from entrepot.inspection.csv.table_end import is_note
from entrepot.inspection.report.footer_pattern import footer_pattern, matches_footer
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.row_looks import NOTE, TOTAL
from entrepot.inspection.sql import sql
from entrepot.inspection.suggest.proposal import (
    InspectedTable,
    Proposal,
    ProposedChange,
    error_kind,
)
from entrepot.inspection.table import Table
from entrepot.schemas.types import TEXT_TYPES
from entrepot_client.counts import counted


def propose_footer(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, proposal: Proposal
) -> Proposal | None:
    """The dialect with a pattern for the first cells of the last records, all of which break the
    contract; None where there are none, or they may be rows. Raises duckdb.Error."""
    table, dialect = inspected.table, proposal.dialect or {}
    if table.typed or table.by_name or "entrepot:footer" in dialect or not inspected.all_listed:
        return None
    broken = {error["rowNumber"] for error in inspected.checked.errors if error.get("rowNumber")}
    typed = inspected.schema.fields[0].type not in TEXT_TYPES
    block, above = _last_records(engine, table, broken, typed)
    blank_above = 0
    while block and not any(block[0]):
        del block[0]
        blank_above += 1
    notes = [cells for cells in block if any(cells)]
    if not notes or len(block) > MAX_FOOTER_RECORDS:
        return None
    blank = sum(
        entry["count"] for entry in inspected.checked.counts if error_kind(entry) == "blank-row"
    )
    if blank > blank_above + len(block) - len(notes):
        return None  # the table has other gaps, which a footer does not explain
    pattern = footer_pattern([cells[0] for cells in notes])
    if not pattern or (above is not None and matches_footer(pattern, above)):
        return None  # it would take the row above for a part of the footer
    properties: dict[str, object] = {"entrepot:footer": pattern}
    if blank_above:
        properties["skipBlankRows"] = True
    return proposal.with_dialect(properties, _change(properties, notes[0][0], len(notes)))


def _change(properties: dict[str, object], first: str, count: int) -> ProposedChange:
    pattern = str(properties["entrepot:footer"])
    what = f"Records at the end whose first cell matches {quoted(pattern)} are a footer, not rows"
    if len(properties) > 1:
        what += ", and blank lines are left out"
    ends = "1 record that looks like a note or a total"
    if count > 1:
        ends = f"{counted(count, 'record')} that look like notes or totals"
    reason = f"this delivery ends with {ends}, from {quoted(first)} on"
    return ProposedChange("/dialect/entrepot:footer", what, reason)


def _last_records(
    engine: duckdb.DuckDBPyConnection, table: Table, broken: set[int], typed: bool
) -> tuple[list[list[str]], str | None]:
    """The cells of the last records in their order, as long as each is in `broken`, and blank or
    like a footer, at least one more than a footer may have where there are more; and the first
    cell of the record above them, if there is one."""
    texts = ", ".join(f"coalesce({column.text}, '')" for column in table.columns)
    cells = sql("_cells") if table.uneven else sql(f"{len(table.columns)}")
    rows = engine.execute(
        f"SELECT _row, [{texts}][:{cells}] FROM {table.numbered}"
        f" ORDER BY _row DESC LIMIT {2 * MAX_FOOTER_RECORDS}"
    ).fetchall()
    block: list[list[str]] = []
    for number, present in rows:
        like_footer = not any(present) or _looks_like_footer(present, len(table.columns), typed)
        if number not in broken or not like_footer:
            return block, present[0] if present else ""
        block.insert(0, present)
    return block, None


def _looks_like_footer(cells: list[str], width: int, typed: bool) -> bool:
    """Whether a record is a note or a total; one that lacks cells, in a table whose first column
    holds values (`typed`), is one too if it begins with none. In a column of texts a longer text
    may as well be a row that was cut short."""
    first = cells[0].strip()
    if TOTAL.match(first) or NOTE.match(first):
        return True
    if not first or first[0].isdigit():
        return False
    present = [cell for n, cell in enumerate(cells) if any(cells[n:])]
    return is_rule(present) or (
        typed and len(cells) < width and is_note(present, width, first_is_typed=True)
    )
