"""Find the smallest compatible change under which a rejected delivery is valid, and prove it.

Each step looks for one kind of change, where the table stands first, then its columns, then its
cells; after each the delivery is judged again. What is proposed is what the last inspection found
valid. A schema may only become wider (`compare_schemas`); a dialect that changes must read the
current version as it is read now, which is judged again as well.
"""

from collections.abc import Callable

import duckdb

from entrepot.inspection.suggest.cells import propose_values
from entrepot.inspection.suggest.columns import propose_columns
from entrepot.inspection.suggest.emptiness import propose_emptiness
from entrepot.inspection.suggest.footer import propose_footer
from entrepot.inspection.suggest.header import propose_header_rows
from entrepot.inspection.suggest.proposal import InspectedTable, Proposal
from entrepot.schemas.compare_schemas import compare_schemas, is_compatible

Step = Callable[[duckdb.DuckDBPyConnection, InspectedTable, Proposal], Proposal | None]
STEPS: tuple[Step, ...] = (
    propose_header_rows,
    propose_columns,
    propose_footer,
    propose_values,
    propose_emptiness,
)
"""In this order: rows and columns must be those of the table before its cells say anything."""

InspectAgain = Callable[[Proposal], InspectedTable | None]
"""Judges bytes by a proposed contract; None where they cannot be read by it."""


def find_suggestion(
    engine: duckdb.DuckDBPyConnection,
    inspected: InspectedTable,
    contract: Proposal,
    inspect_again: InspectAgain,
    keeps_current: Callable[[Proposal], bool],
) -> Proposal | None:
    """The proposal under which the delivery that `inspected` is of is valid; None if there is none.

    `inspect_again` judges it by a proposal; `keeps_current` tells whether the current version, if
    there is one, is valid under another dialect too, with as many rows. Raises duckdb.Error and
    OSError.
    """
    proposal = contract
    for step in STEPS:
        if inspected.valid:
            break
        proposed = step(engine, inspected, proposal)
        if proposed is None:
            continue
        if not is_compatible(compare_schemas(contract.schema, proposed.schema)):
            return None
        again = inspect_again(proposed)
        if again is None:
            return None
        proposal, inspected = proposed, again
    if not proposal.changes or not inspected.valid:
        return None
    if proposal.dialect != contract.dialect and not keeps_current(proposal):
        return None
    return proposal
