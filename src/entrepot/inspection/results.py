"""What goes into an inspection and what comes out: plain data, importable without the engine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from entrepot.errors import EntrepotError

Mode = Literal["none", "infer", "given"]
"""How a version is judged: by no contract, as the first of a file whose contract is inferred, or by
a schema that is given."""
Form = Literal["parquet", "csv", "jsonl", "arrow"]
Made = Literal["parquet", "csv", "jsonl", "arrow", "rejected"]
"""What is made of a version: the forms of its table, and its rejected rows."""
JudgedForm = Literal["parquet", "rejected"]
"""What the process that judges a version makes of it too."""
FormsWanted = Literal["none", "by-verdict", "published"]
"""Which forms an inspection makes: none, those of its verdict, or those of a version that is
published whatever the verdict."""
Verdict = Literal[
    "conforms", "violates", "not-tabular", "resource-limit", "source-error", "dialect-unsupported"
]

OUTPUT = "derivative"
"""The name, in its scratch folder, of the file that a sandbox process writes."""


@dataclass(frozen=True)
class FormFiles:
    """Where the forms are that an inspection makes: in the scratch folder of its process, of which
    it is the inspection with that `number` (from 0)."""

    folder: Path
    number: int = 0

    def path(self, form: JudgedForm) -> Path:
        """The file of a form. It lies in the scratch folder itself, in whose place a process under
        attack cannot put another folder."""
        return self.folder / f"{OUTPUT}-{self.number}-{form}"


VERDICTS: tuple[Verdict, ...] = (
    "conforms",
    "violates",
    "not-tabular",
    "resource-limit",
    "source-error",
    "dialect-unsupported",
)


@dataclass(frozen=True)
class InspectionRequest:
    """One version to inspect: its bytes at `path`, `size` in bytes, and how to judge it.

    `schema` is a Table Schema document; it is set if and only if the mode is "given" (a frozen
    inferred schema is given from the second version on). `dialect` is a Table Dialect, `encoding`
    the name of an encoding; both override what would be detected.

    `suggest`: if it breaks its schema, look for a change of the contract by which it would not. A
    change of the dialect must keep the file's current version, whose bytes are at `current`, with
    `current_rows` data rows.

    `forms` are what else is to be made of the file, by the reading that is judged. `frozen`: the
    schema was inferred from a first version, and nobody has stated it since.
    """

    path: Path
    file_name: str
    size: int
    mode: Mode
    schema: dict[str, Any] | None = None
    dialect: dict[str, Any] | None = None
    encoding: str | None = None
    suggest: bool = False
    current: Path | None = None
    current_rows: int | None = None
    forms: FormsWanted = "none"
    frozen: bool = False


@dataclass(frozen=True)
class Inspection:
    """The outcome. `detail` is one sentence for people; `row_count` is data rows, or None.

    `report` is a Frictionless v5 report, with `suggested` where there is a way out of a rejection;
    `schema` is the inferred Table Schema, or the given one.
    `dialect` is what must be frozen with an inferred schema, so that it is read in the same way.
    `starved`: the clock ended it while others had the processor, so it may be tried again.
    """

    verdict: Verdict
    report: dict[str, Any]
    profile: dict[str, Any]
    schema: dict[str, Any] | None
    media_type: str
    row_count: int | None
    detail: str
    dialect: dict[str, Any] | None = None
    starved: bool = False


@dataclass(frozen=True)
class ConversionRequest:
    """One form of a version to make from the bytes at `path`, `size` in bytes.

    Those are the version's Parquet for `jsonl` and `arrow`, else the bytes as delivered.
    `mode` is how the version was judged; `schema` is the Table Schema that it was judged by
    (mode "given") or that was inferred from it. `rows` are the data rows that its inspection
    counted. `is_exception`: it may break its contract. `frozen`: as in `InspectionRequest`.
    """

    path: Path
    file_name: str
    size: int
    form: Made
    schema: dict[str, Any]
    mode: Mode
    rows: int
    dialect: dict[str, Any] | None = None
    encoding: str | None = None
    is_exception: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class Converted:
    """The outcome: a file was made, or `detail` says in one sentence why not.

    `columns` is the profile of the columns, if it could be measured; Parquet alone has one.
    """

    verdict: Literal["made", "resource-limit", "source-error"]
    columns: list[dict[str, Any]] | None
    detail: str


@dataclass(frozen=True)
class InspectedVersion:
    """An inspection with the forms that were made with it, or why one could not be made."""

    inspection: Inspection
    forms: dict[JudgedForm, Converted] = field(default_factory=dict)

    def message(self) -> dict[str, Any]:
        """As a sandbox process sends it; `read_inspected` is the other end."""
        forms = {form: vars(converted) for form, converted in self.forms.items()}
        return {"inspection": vars(self.inspection), "forms": forms}


@dataclass(frozen=True)
class ComparisonRequest:
    """Two tables to compare: the earlier at `path`, the later at `other`, `size` bytes together.

    `key` names the columns that identify a row (none: rows are compared as multisets); at most
    `examples` rows of each kind are shown. `dialect` and `encoding` are how the earlier is read,
    the other two how the later is.
    """

    path: Path
    other: Path
    file_name: str
    other_name: str
    size: int
    key: tuple[str, ...] = ()
    examples: int = 10
    dialect: dict[str, Any] | None = None
    encoding: str | None = None
    other_dialect: dict[str, Any] | None = None
    other_encoding: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What differs between two tables; if they could not be compared, `detail` says why.

    Counts are exact. `changed` is None without a key: then a changed row is one removed and one
    added. `key_repeated` rows repeat the key that was asked for, which then was not used.
    """

    verdict: Literal["compared", "not-compared", "resource-limit"]
    detail: str
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)
    columns_retyped: list[dict[str, str]] = field(default_factory=list)
    rows_before: int = 0
    rows_after: int = 0
    key: list[str] = field(default_factory=list)
    key_repeated: int = 0
    added: int = 0
    removed: int = 0
    changed: int | None = None
    examples_added: list[dict[str, Any]] = field(default_factory=list)
    examples_removed: list[dict[str, Any]] = field(default_factory=list)
    examples_changed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs but the order of rows."""
        columns = self.columns_added or self.columns_removed or self.columns_retyped
        return not (columns or self.added or self.removed or self.changed)


@dataclass(frozen=True)
class PreviewRequest:
    """A page of rows of the Parquet at `path`, `size` in bytes.

    `columns` and `order_by` are names with commas between them, `where` is a condition; all as
    they were asked for. The page begins behind the row number `after` (from 0), or at `offset`
    rows from the beginning. `most_columns` leaves out all but the first columns.
    """

    path: Path
    size: int
    columns: str | None
    order_by: str | None
    where: str | None
    limit: int
    after: int | None
    offset: int
    most_columns: int | None = None


@dataclass(frozen=True)
class Preview:
    """A page: its columns (`name`, `stored_as`), its rows (`number` from 0, `values`, `cut`: the
    columns whose values were too long), and whether there are more.

    `problem` is why there is none: a problem's `code`, `detail` and figures.
    """

    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]
    more: bool
    problem: dict[str, Any] | None = None


@dataclass(eq=False)
class InspectionCanceled(EntrepotError):
    """The inspection was canceled and its process ended."""


@dataclass(eq=False)
class InspectionFailed(EntrepotError):
    """The inspection could not run, through no fault of the file; it may be tried again."""

    reason: str

    def __str__(self) -> str:
        return f"The inspection could not run: {self.reason}"


@dataclass(eq=False)
class SandboxDenied(InspectionFailed):
    """The sandbox kept out what the inspection needs, so that it fails for this file each time:
    a fault of ours, which nobody's second try mends."""


@dataclass(eq=False)
class PoolClosed(InspectionFailed):
    """Inspections are being ended with their process, which says nothing of any file."""

    reason: str = "the pool is closed"


def read_inspected(answer: dict[str, Any]) -> InspectedVersion:
    """A sandbox process's answer as an inspection with its forms. Raises InspectionFailed."""
    try:
        inspection = Inspection(**answer["inspection"])
        forms = {form: read_derived(made) for form, made in answer["forms"].items()}
    except (TypeError, KeyError, AttributeError):
        raise InspectionFailed("the sandbox process's answer is incomplete") from None
    if inspection.verdict not in VERDICTS or not set(forms) <= set(get_args(JudgedForm)):
        raise InspectionFailed("the sandbox process's verdict is unknown")
    return InspectedVersion(inspection, forms)


def read_derived(answer: dict[str, Any]) -> Converted:
    """A sandbox process's answer as a derivation. Raises InspectionFailed."""
    try:
        derived = Converted(**answer)
    except TypeError:
        raise InspectionFailed("the sandbox process's answer is incomplete") from None
    if derived.verdict not in ("made", "resource-limit", "source-error"):
        raise InspectionFailed("the sandbox process's verdict is unknown")
    return derived


def read_comparison(answer: dict[str, Any]) -> Comparison:
    """A sandbox process's answer as a comparison. Raises InspectionFailed."""
    try:
        return Comparison(**answer)
    except TypeError:
        raise InspectionFailed("the sandbox process's answer is incomplete") from None


def read_preview(answer: dict[str, Any]) -> Preview:
    """A sandbox process's answer as a page. Raises InspectionFailed."""
    try:
        return Preview(**answer)
    except TypeError:
        raise InspectionFailed("the sandbox process's answer is incomplete") from None
