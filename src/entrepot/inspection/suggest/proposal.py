"""A contract that is proposed, and the changes that lead to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.inspection.check.check import Checked
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema


def error_kind(error: dict[str, Any]) -> str:
    """What an error of a report, or a count of such errors, is of: our own name where there is one,
    else the standard's."""
    return str(error.get("code") or error["type"])


@dataclass(frozen=True)
class ProposedChange:
    """One thing to change. `pointer` (RFC 6901) points into `{"schema": …, "dialect": …}`; `what`
    says what deliveries may do from then on, `reason` what in this delivery needs it, with figures.
    """

    pointer: str
    what: str
    reason: str

    def to_document(self) -> dict[str, Any]:
        """The change as a report has it; there are only compatible ones."""
        return {
            "pointer": self.pointer,
            "change": self.what,
            "effect": "compatible",
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Proposal:
    """A schema and a dialect as documents, and the changes from the contract to them."""

    schema: dict[str, Any]
    dialect: dict[str, Any] | None
    changes: tuple[ProposedChange, ...] = ()

    def with_schema(self, schema: dict[str, Any], changes: Sequence[ProposedChange]) -> "Proposal":
        """The proposal with another schema, for these further changes."""
        return replace(self, schema=schema, changes=(*self.changes, *changes))

    def with_dialect(self, properties: dict[str, Any], change: ProposedChange) -> "Proposal":
        """The proposal with these properties of the dialect, for this further change."""
        dialect = {**(self.dialect or {}), **properties}
        return replace(self, dialect=dialect, changes=(*self.changes, change))

    def to_document(self) -> dict[str, Any]:
        """The proposal as a report has it."""
        return {
            "schema": self.schema,
            "dialect": self.dialect,
            "changes": [change.to_document() for change in self.changes],
        }


@dataclass(frozen=True)
class InspectedTable:
    """A table as it was judged by a schema: the errors of its header, those of its rows."""

    table: Table
    schema: TableSchema
    header_errors: list[dict[str, Any]] = field(default_factory=list)
    checked: Checked = field(default_factory=lambda: Checked(0, [], [], 0))

    @property
    def valid(self) -> bool:
        """Whether it has no error."""
        return not self.header_errors and not self.checked.counts

    @property
    def all_listed(self) -> bool:
        """Whether each error of a row is among the listed ones."""
        total: int = sum(entry["count"] for entry in self.checked.counts)
        return total == len(self.checked.errors)
