"""All kinds, by name."""

from tests.inspection.growing.contracts import CONTRACTS
from tests.inspection.growing.growing_kind import GrowingKind
from tests.inspection.growing.packages import ARROW, PACKED, PARQUET, XLSX
from tests.inspection.growing.texts import CSV, JSON

KINDS: dict[str, GrowingKind] = {
    name: kind
    for group in (CSV, JSON, XLSX, PARQUET, ARROW, PACKED, CONTRACTS)
    for name, kind in group.items()
}
