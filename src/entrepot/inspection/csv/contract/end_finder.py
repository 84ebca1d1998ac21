"""What finds the end of a table: what is stated of it, or else its looks."""

from collections.abc import Sequence

import duckdb

from entrepot.inspection.csv.contract.rows import ContractEndFinder
from entrepot.inspection.csv.decision import Decision
from entrepot.inspection.csv.table_end import TableEndFinder
from entrepot.inspection.sql import sql


def end_finder(
    decision: Decision, engine: duckdb.DuckDBPyConnection
) -> TableEndFinder | ContractEndFinder:
    """A new finder for the text that was decided on; `engine` matches RE2 patterns."""
    if not decision.end_stated:
        return TableEndFinder(decision.layout)

    def match(pattern: str, cells: Sequence[str]) -> Sequence[bool]:
        query = sql("SELECT list_transform(?::VARCHAR[], lambda c: regexp_full_match(c, ?))")
        row = engine.execute(query, [list(cells), pattern]).fetchone()
        return list(row[0]) if row else []

    return ContractEndFinder(decision.rules, match)
