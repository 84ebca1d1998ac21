"""What requests say of contracts, parsed within bounds."""

from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.db.types import WriteConnection
from entrepot.errors import NoSuggestion
from entrepot.files.contract import (
    ComparisonOutdated,
    ContractProposal,
    SchemaComparison,
    load_changeable_contract,
)
from entrepot.files.delivery.suggestion import SoundSuggestion, Suggestion, check_suggestion
from entrepot.http.deps import UnitOfWork
from entrepot.http.parsing.parser import SHORT_CHARS
from entrepot.schemas.enforcement import Enforcement, parse_enforcement, parse_schema_text
from entrepot.schemas.reading.contract_document import ContractDocument, parse_contract_text
from entrepot.schemas.reading.stated import StatedReading, parse_reading_fields
from entrepot.schemas.reading.suggested import compare_stored, compare_suggested
from entrepot.tasks.records import TaskId
from entrepot.texts.json_text import JsonText

REMEMBERED_CONTRACTS = 256
"""Short contracts whose parsing is remembered: some 2 MB."""


async def read_enforcement(work: UnitOfWork, text: str | None) -> Enforcement:
    """The field `enforce_schema`. Raises SchemaInvalid, SchemaTooCostly, TooManySchemas."""
    if text is not None and len(text) <= SHORT_CHARS:
        return _parse_enforcement_once(work.account_id, text)
    parser = work.runtime.parser
    return await parser.run(work.account_id, len(text or ""), parse_enforcement, text)


@lru_cache(REMEMBERED_CONTRACTS)
def _parse_enforcement_once(account_id: UUID | None, text: str) -> Enforcement:
    """A sender repeats its contract with each file. By account, so that nobody learns from the time
    that it takes which contracts others have."""
    del account_id
    return parse_enforcement(text)


async def read_reading(
    work: UnitOfWork, dialect: str | None, encoding: str | None
) -> StatedReading:
    """The fields that say how deliveries are read. Raises DialectInvalid, FieldInvalid,
    SchemaTooCostly, TooManySchemas."""
    parser, size = work.runtime.parser, len(dialect or "")
    return await parser.run(work.account_id, size, parse_reading_fields, dialect, encoding)


async def read_schema(work: UnitOfWork, text: str) -> JsonText:
    """A Table Schema as a sound document. Raises SchemaInvalid, SchemaTooCostly, TooManySchemas."""
    return await work.runtime.parser.run(work.account_id, len(text), parse_schema_text, text)


async def read_contract(work: UnitOfWork, text: str) -> ContractDocument:
    """The body that gives a file another contract. Raises SchemaInvalid, DialectInvalid,
    FieldInvalid, SchemaTooCostly, TooManySchemas."""
    return await work.runtime.parser.run(work.account_id, len(text), parse_contract_text, text)


async def with_proposal(
    work: UnitOfWork,
    file_id: UUID,
    document: ContractDocument,
    size: int,
    act: Callable[[WriteConnection, Actor, ContractProposal], TaskId],
) -> TaskId:
    """Run `act` in a transaction with the document as a proposal, again where the file's schema
    has changed since the comparison; `size` is the characters that the document came in. Raises
    what `act` raises, NotFound, NotAllowed, SchemaTooCostly, TooManySchemas."""
    while True:
        proposal = await _prepare_proposal(work, file_id, document, size)
        try:
            return await work.write(act, proposal)
        except ComparisonOutdated:
            continue


async def _prepare_proposal(
    work: UnitOfWork, file_id: UUID, document: ContractDocument, size: int
) -> ContractProposal:
    """The document, compared with the file's schema as it is now."""
    contract = await work.read(load_changeable_contract, file_id)
    old, new = contract.schema, document.schema
    if old is None or new is None:
        return ContractProposal(document, SchemaComparison(contract.revision, ()))
    parser, size = work.runtime.parser, size + len(old)
    changes = await parser.run(work.account_id, size, compare_stored, old, new)
    return ContractProposal(document, SchemaComparison(contract.revision, changes))


async def prepare_suggestion(work: UnitOfWork, suggestion: Suggestion) -> SoundSuggestion:
    """The suggestion, if it is a contract that keeps what is valid. Raises NoSuggestion,
    SchemaTooCostly, TooManySchemas."""
    old, new = suggestion.contract.schema, suggestion.schema
    changes = None
    if old is not None:
        parser, size, dialect = work.runtime.parser, suggestion.chars, suggestion.dialect
        changes = await parser.run(work.account_id, size, compare_suggested, old, new, dialect)
    if changes is None:
        raise NoSuggestion(version=suggestion.version)
    return check_suggestion(suggestion, changes)
