"""What goes into an inspection and what comes out: plain data, importable without the engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entrepot.errors import EntrepotError

Mode = Literal["none", "infer", "given"]
Form = Literal["parquet", "csv", "jsonl", "arrow"]
Verdict = Literal["conforms", "violates", "not-tabular", "resource-limit", "source-error"]

OUTPUT = "derivative"
"""The name, in its scratch folder, of the file that a child makes."""

VERDICTS: tuple[Verdict, ...] = (
    "conforms",
    "violates",
    "not-tabular",
    "resource-limit",
    "source-error",
)


@dataclass(frozen=True)
class InspectionRequest:
    """One version to inspect: its bytes at `path`, `size` in bytes, and how to judge it.

    `schema` is a Table Schema document; it is set if and only if the mode is "given" (a frozen
    inferred schema is given from the second version on). `dialect` is a Table Dialect document:
    what it says is not detected.
    """

    path: Path
    file_name: str
    size: int
    mode: Mode
    schema: dict[str, Any] | None = None
    dialect: dict[str, Any] | None = None


@dataclass(frozen=True)
class Inspection:
    """The outcome. `detail` is one sentence for people; `row_count` is data rows, or None.

    `report` is a Frictionless v5 report; `schema` the inferred Table Schema, or the given one.
    """

    verdict: Verdict
    report: dict[str, Any]
    profile: dict[str, Any]
    schema: dict[str, Any] | None
    media_type: str
    row_count: int | None
    detail: str


@dataclass(frozen=True)
class DerivationRequest:
    """One form of a version to make from the bytes at `path`, `size` in bytes.

    Those are the version's Parquet for `jsonl` and `arrow`, else the bytes as delivered.
    `schema` is the Table Schema that the version was judged by or that was inferred from it,
    `given` says which; `rows` are the data rows that its inspection counted.
    """

    path: Path
    file_name: str
    size: int
    form: Form
    schema: dict[str, Any]
    given: bool
    rows: int


@dataclass(frozen=True)
class Derived:
    """The outcome: a file was made, or `detail` says in one sentence why not.

    `columns` is the profile of the columns, if it could be measured; Parquet alone has one.
    """

    verdict: Literal["made", "resource-limit", "source-error"]
    columns: list[dict[str, Any]] | None
    detail: str


@dataclass(eq=False)
class InspectionCanceled(EntrepotError):
    """The inspection was canceled and its process ended."""


@dataclass(eq=False)
class InspectionFailed(EntrepotError):
    """The inspection could not run, through no fault of the file; it may be tried again."""

    reason: str

    def __str__(self) -> str:
        return f"The inspection could not run: {self.reason}"


def read_inspection(told: dict[str, Any]) -> Inspection:
    """What a child answered, as an inspection. Raises InspectionFailed."""
    try:
        inspection = Inspection(**told)
    except TypeError:
        raise InspectionFailed("the child's answer is incomplete") from None
    if inspection.verdict not in VERDICTS:
        raise InspectionFailed("the child's verdict is unknown")
    return inspection


def read_derived(told: dict[str, Any]) -> Derived:
    """What a child answered, as a derivation. Raises InspectionFailed."""
    try:
        derived = Derived(**told)
    except TypeError:
        raise InspectionFailed("the child's answer is incomplete") from None
    if derived.verdict not in ("made", "resource-limit", "source-error"):
        raise InspectionFailed("the child's verdict is unknown")
    return derived
