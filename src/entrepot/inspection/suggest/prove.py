"""Look for the way out of a rejection, with the bytes of the delivery and the current version."""

from collections.abc import Callable
from dataclasses import replace

from entrepot.inspection.context import Detected, InspectionContext
from entrepot.inspection.detect.decompress import unpack
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.detect.signatures import PACKED
from entrepot.inspection.results import InspectionRequest
from entrepot.inspection.suggest.proposal import InspectedTable, Proposal
from entrepot.inspection.suggest.suggest import find_suggestion
from entrepot.schemas.table_dialect import parse_dialect

InspectFile = Callable[[InspectionRequest, Detected], InspectedTable | None]
"""Judges a file as it is asked for; None where it cannot be read so."""


def suggest_contract(
    request: InspectionRequest,
    detected: Detected,
    inspected: InspectedTable,
    inspect: InspectFile,
    context: InspectionContext,
) -> Proposal | None:
    """The smallest compatible change of the contract by which the file of `request`, which is not
    compressed and of which `inspected` is, would be valid; None if there is none.

    Raises duckdb.Error, OSError, and what `unpack` raises.
    """
    if request.schema is None:
        return None

    def inspect_again(proposal: Proposal) -> InspectedTable | None:
        return inspect(_by(request, proposal), detected)

    def keeps_current(proposal: Proposal) -> bool:
        if request.current is None:
            return True
        again = _inspect_current(_by(request, proposal), inspect, context)
        return again is not None and again.valid and again.checked.rows == request.current_rows

    contract = Proposal(request.schema, request.dialect)
    return find_suggestion(context.engine, inspected, contract, inspect_again, keeps_current)


def _by(request: InspectionRequest, proposal: Proposal) -> InspectionRequest:
    return replace(request, schema=proposal.schema, dialect=proposal.dialect)


def _inspect_current(
    request: InspectionRequest, inspect: InspectFile, context: InspectionContext
) -> InspectedTable | None:
    assert request.current is not None
    path, name = request.current, request.file_name
    dialect = parse_dialect(request.dialect) if request.dialect is not None else None
    detected = detect(path, name, dialect, request.encoding)
    if detected.kind == PACKED:
        unpacked = unpack(path, name, context)
        path = unpacked.path
        detected = detect(path, unpacked.file_name, dialect, request.encoding)
    return inspect(replace(request, path=path), detected)
