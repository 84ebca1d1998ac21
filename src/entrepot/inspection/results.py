"""What goes into an inspection and what comes out: plain data, importable without the engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entrepot.errors import EntrepotError

Mode = Literal["none", "infer", "given"]
Verdict = Literal["conforms", "violates", "not-tabular", "resource-limit", "source-error"]

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


@dataclass(eq=False)
class InspectionCanceled(EntrepotError):
    """The inspection was canceled and its process ended."""


@dataclass(eq=False)
class InspectionFailed(EntrepotError):
    """The inspection could not run, through no fault of the file; it may be tried again."""

    reason: str

    def __str__(self) -> str:
        return f"The inspection could not run: {self.reason}"
