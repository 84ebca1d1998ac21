"""What inspections find: the report, the profile, a comparison, a page of rows."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from entrepot.http.api.models.values import Bytes, Count, Id, TableSchema, VersionNumber, answer


class ReportError(TypedDict):
    """One error of a report (Frictionless v5), with its place in the delivered file.

    `type` is one that Frictionless knows, `code` a more exact name. `message` is the whole
    sentence; its parts are `reason`, `expected`, `example` and `advice`. `earlierRowNumber` is the
    row that has the same key."""

    type: str
    code: NotRequired[str]
    title: str
    description: str
    message: str
    tags: list[str]
    note: str
    reason: NotRequired[str]
    expected: NotRequired[str]
    example: NotRequired[str]
    advice: NotRequired[str]
    rowNumber: NotRequired[Count]
    rowNumbers: NotRequired[list[Count]]
    lineNumber: NotRequired[Count]
    byteOffset: NotRequired[Count]
    earlierRowNumber: NotRequired[Count]
    earlierLineNumber: NotRequired[Count]
    fieldName: NotRequired[str]
    fieldNumber: NotRequired[Count]
    label: NotRequired[str]
    labels: NotRequired[list[str]]
    cell: NotRequired[str]
    cells: NotRequired[list[str]]
    fieldNames: NotRequired[list[str]]
    fieldCells: NotRequired[list[str]]
    referenceName: NotRequired[str]
    referenceFieldNames: NotRequired[list[str]]


class ErrorCount(TypedDict):
    """How many errors of one code, and one field, a table has."""

    type: str
    code: NotRequired[str]
    count: Count
    fieldName: NotRequired[str]
    fieldNumber: NotRequired[Count]
    note: NotRequired[str]


class TaskStats(TypedDict):
    """The figures of one table or file of a report."""

    errors: Count
    warnings: Count
    bytes: Bytes
    fields: Count
    rows: NotRequired[Count]


class ReportTask(TypedDict):
    """The report on one table or file; `findings` are errors that do not count, because no
    contract is enforced; `drift` are those of its warnings that compare it with the version
    before."""

    name: str
    type: Literal["table", "file"]
    valid: bool
    summary: str
    place: str
    labels: list[str]
    stats: TaskStats
    warnings: list[str]
    errors: list[ReportError]
    errorCounts: list[ErrorCount]
    rowsRejected: Count
    truncated: bool
    findings: NotRequired[list[ReportError]]
    drift: NotRequired[list[str]]


class ReportStats(TypedDict):
    """The figures of a whole report."""

    tasks: Count
    errors: Count
    warnings: Count


class SuggestedChange(TypedDict):
    """One change of a suggested contract: what deliveries may do from then on, and why."""

    pointer: Annotated[str, Field(description="A JSON pointer (RFC 6901) into `suggested`.")]
    change: str
    effect: Literal["compatible"]
    reason: str


class SuggestedContract(TypedDict):
    """The smallest compatible change of the contract that would make the delivery valid."""

    schema: TableSchema
    dialect: dict[str, Any] | None
    changes: list[SuggestedChange]


@answer
class InspectionReport(TypedDict):
    """A report (Frictionless v5); `suggested` is there if a small change of the contract would make
    the rejected delivery valid."""

    valid: bool
    stats: ReportStats
    warnings: list[str]
    errors: list[ReportError]
    tasks: list[ReportTask]
    suggested: NotRequired[SuggestedContract]


class FileProfile(TypedDict):
    """The delivered file and how it was read; further members depend on its format."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    bytes: Bytes
    mediaType: NotRequired[str]
    format: NotRequired[str]


class TableProfile(TypedDict):
    """The table as a whole."""

    rows: Count
    columns: Count
    header: bool


class TextExample(TypedDict):
    """A shortest or longest text, and its length in characters."""

    length: Count
    value: str


class ValueCount(TypedDict):
    """A value and how many rows have it."""

    value: Any
    count: Count


class Histogram(TypedDict):
    """The counts of the values between each two `edges`."""

    edges: list[Any]
    counts: list[Count]


class ColumnProfile(TypedDict):
    """What one column holds; which figures there are depends on its type."""

    name: str
    type: str
    storedAs: str
    rows: Count
    nulls: Count
    distinct: Count
    distinctIsEstimate: bool
    candidateKey: bool | None
    minimum: NotRequired[Any]
    maximum: NotRequired[Any]
    trueCount: NotRequired[Count]
    falseCount: NotRequired[Count]
    shortest: NotRequired[TextExample]
    longest: NotRequired[TextExample]
    mean: NotRequired[float | int | str | None]
    stddev: NotRequired[float | None]
    quantiles: NotRequired[dict[str, Any]]
    quantilesAreEstimates: NotRequired[bool]
    histogram: NotRequired[Histogram]
    topValues: list[ValueCount]
    categories: NotRequired[list[str]]
    suggestedEnum: NotRequired[list[str]]
    keptAsText: NotRequired[str]
    unused: NotRequired[dict[str, list[Any]]]


class DerivativeError(TypedDict):
    """Why a version could not be converted."""

    code: str
    detail: str


class DerivativeState(TypedDict):
    """The state of the Parquet from which the columns are measured."""

    status: Literal["none", "pending", "ready", "failed", "expired"]
    error: NotRequired[DerivativeError]


@answer
class VersionProfile(TypedDict):
    """What is in a version; `table` is there where it is a table."""

    version: VersionNumber
    file: FileProfile
    table: NotRequired[TableProfile]
    columns: list[ColumnProfile]
    columns_pending: bool
    derivative: DerivativeState


class RetypedColumn(TypedDict):
    """A column that is of another type in the later version."""

    name: str
    before: str
    after: str


class ExampleRow(TypedDict):
    """A row that only one of the two versions has."""

    row: Count
    cells: dict[str, str | None]


class ChangedRow(TypedDict):
    """A row whose cells differ; each of `cells` is the earlier and the later value."""

    rowBefore: Count
    rowAfter: Count
    key: dict[str, str | None]
    cells: dict[str, Annotated[list[str | None], Field(min_length=2, max_length=2)]]


@answer
class VersionComparison(TypedDict):
    """The differences between two versions. `changed` is null if there was no key."""

    file_id: Id
    before: VersionNumber
    after: VersionNumber
    same: bool
    verdict: str
    detail: str
    columns_added: list[str]
    columns_removed: list[str]
    columns_retyped: list[RetypedColumn]
    rows_before: Count
    rows_after: Count
    key: list[str]
    key_repeated: Count
    added: Count
    removed: Count
    changed: Count | None
    examples_added: list[ExampleRow]
    examples_removed: list[ExampleRow]
    examples_changed: list[ChangedRow]


class PreviewColumn(TypedDict):
    """A column of a page of rows: its type in the schema and in the Parquet."""

    name: str
    type: str
    stored_as: str


class PreviewRow(TypedDict):
    """A row; `_row` is its number in the delivered file, `cut` names columns cut short."""

    _row: Count
    values: list[Any]
    cut: NotRequired[list[str]]


@answer
class PreviewPage(TypedDict):
    """A page of a version's rows."""

    version: VersionNumber
    row_count: Count | None
    columns: list[PreviewColumn]
    rows: list[PreviewRow]
