"""Propose `headerRows` where the contract's names stand in other records, below titles alone."""

import duckdb

from entrepot.inspection.suggest.proposal import InspectedTable, Proposal, ProposedChange


def propose_header_rows(
    engine: duckdb.DuckDBPyConnection, inspected: InspectedTable, proposal: Proposal
) -> Proposal | None:
    """The dialect with the records in which the names are; None where they are in their place, or
    rows of a table stand above them."""
    rows = list(inspected.table.misplaced_header_rows)
    if not inspected.table.misplaced_header or not rows:
        return None
    numbers = ", ".join(f"{number:,}" for number in rows)
    where = f"record {numbers}" if len(rows) == 1 else f"records {numbers}"
    what = f"The names of the columns stand in {where}"
    reason = "they do in this delivery, and what stands above them are titles"
    change = ProposedChange("/dialect/headerRows", what, reason)
    return proposal.with_dialect({"headerRows": rows}, change)
