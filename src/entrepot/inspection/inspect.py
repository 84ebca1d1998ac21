"""Inspect one file: detect, read, infer or check, report, profile. Runs in the sandbox process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from entrepot.inspection.check.almost_typed import AlmostTyped
from entrepot.inspection.check.check import Checked, check_table
from entrepot.inspection.check.emptiness import describe_unmarked_gaps
from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.check.first_version import judge_first_version, without_unlabelled
from entrepot.inspection.check.header_errors import check_header, check_labels
from entrepot.inspection.check.infer import infer_schema
from entrepot.inspection.check.outside.rows_outside import find_doubtful_rows, find_rows_outside
from entrepot.inspection.context import (
    Detected,
    InspectionContext,
    OpenedTable,
    TableRequest,
)
from entrepot.inspection.detect.decompress import Unpacked, unpack
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.detect.signatures import PACKED
from entrepot.inspection.engine_errors import CANNOT_SCAN, out_of_resources
from entrepot.inspection.limits import Limits
from entrepot.inspection.line_prefilter import IrregularText
from entrepot.inspection.open_table import open_table
from entrepot.inspection.progress import JUDGED, UNPACKED
from entrepot.inspection.report.profile import file_profile
from entrepot.inspection.report.refusal import code_and_line, refusal_of
from entrepot.inspection.report.report import count_entry, file_report, finish_errors, problem
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.report.summary import summarize
from entrepot.inspection.report.where_to_state import add_where_to_state, where_to_state
from entrepot.inspection.results import Inspection, InspectionRequest, Verdict
from entrepot.inspection.stated_dialect import dialect_warnings
from entrepot.inspection.suggest.proposal import InspectedTable, Proposal
from entrepot.inspection.suggest.prove import suggest_contract
from entrepot.inspection.table import NotTabular, SourceBroken, Table
from entrepot.inspection.wide_copy import copy_if_wide
from entrepot.schemas.model import TableSchema
from entrepot.schemas.table_dialect import parse_dialect
from entrepot.schemas.table_schema import parse_schema, to_document


@dataclass(frozen=True)
class JudgedTable:
    """A table with its errors and its profile; `opened` is the file it was read from. `freezes`:
    it is to become a contract. `judged`: its records; a broken line of JSON is one. `doubtful` are
    rows that seem not to be meant as rows, as errors."""

    table: Table
    schema: TableSchema
    header_errors: list[dict[str, Any]]
    checked: Checked
    profile: dict[str, Any]
    almost_typed: tuple[AlmostTyped, ...] = ()
    doubtful: Sequence[dict[str, Any]] = ()
    freezes: bool = False
    opened: OpenedTable | None = None
    judged: int = 0

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Those of the header and the structure, and those of rows and cells."""
        return [*self.header_errors, *self.checked.errors]

    def warnings(self) -> list[str]:
        """Sentences for the report on what was accepted."""
        accepted = () if self.errors or not self.freezes else self.table.first_version.accepted
        doubtful = (str(row["message"]) for row in self.doubtful)
        almost_typed = (each.describe() for each in self.almost_typed)
        return [*self.table.warnings, *doubtful, *accepted, *almost_typed]


@dataclass(frozen=True)
class JudgedFile:
    """A file with its verdict: `outcome` is the table, None where it could not be read as one,
    `source` the request for its content, which is not compressed, `detected` what that is."""

    inspection: Inspection
    outcome: JudgedTable | None
    source: InspectionRequest
    detected: Detected

    @property
    def wants_suggestion(self) -> bool:
        """Whether a way out of a rejection is asked for, and there may be one."""
        is_rejected = self.inspection.verdict == "violates"
        return is_rejected and self.source.suggest and self.outcome is not None


def inspect_file(request: InspectionRequest, context: InspectionContext) -> Inspection:
    """The verdict on one file, with a way out of a rejection if that is asked for. Raises what
    `out_of_resources` knows, OSError, and duckdb.Error for a query that is wrong."""
    judged = judge_file(request, context)
    return suggest_way_out(judged, context) if judged.wants_suggestion else judged.inspection


def judge_file(request: InspectionRequest, context: InspectionContext) -> JudgedFile:
    """The verdict on one file, with what else may be made of it. Raises as `inspect_file` does."""
    dialect = parse_dialect(request.dialect) if request.dialect is not None else None
    detected = detect(request.path, request.file_name, dialect, request.encoding)
    packed, source = None, request
    outcome: JudgedTable | None = None
    try:
        if detected.kind == PACKED:
            context.progress.next_pass(UNPACKED)
            packed = unpack(request.path, request.file_name, context)
            source = replace(request, path=packed.path)
            detected = detect(packed.path, packed.file_name, dialect, request.encoding)
        outcome = _check_or_infer(source, detected, context)
    except Exception as error:
        verdict, detail = refusal_of(error)
        if isinstance(error, NotTabular) and error.media_type:
            detected = replace(detected, media_type=error.media_type)
        detail = detail.replace(str(source.path), request.file_name)
        detail = detail.replace(f"{context.scratch}/", "")
        code, line = code_and_line(error, verdict)
        inspection = _without_table(request, detected, verdict, detail, code, line)
    else:
        inspection = _with_table(request, outcome, context.limits)
    if packed is not None:
        inspection = _as_packed(inspection, packed)
    return JudgedFile(inspection, outcome, source, detected)


def suggest_way_out(judged: JudgedFile, context: InspectionContext) -> Inspection:
    """The inspection with the change of the contract by which the file would be valid; without one
    where none was found, or none with what an inspection may use."""
    assert judged.outcome is not None
    proposal = _suggest(judged.source, judged.outcome, judged.detected, context)
    if proposal is None:
        return judged.inspection
    report = {**judged.inspection.report, "suggested": proposal.to_document()}
    return replace(judged.inspection, report=report)


def _suggest(
    request: InspectionRequest, outcome: JudgedTable, detected: Detected, context: InspectionContext
) -> Proposal | None:
    def inspect_again(again: InspectionRequest, detected: Detected) -> InspectedTable | None:
        try:
            return _inspected_table(_check_or_infer(again, detected, context))
        except Exception as error:
            refusal_of(error)
            return None

    try:
        return suggest_contract(
            request, detected, _inspected_table(outcome), inspect_again, context
        )
    except Exception as error:
        if not out_of_resources(error):
            refusal_of(error)
        return None


def _inspected_table(outcome: JudgedTable) -> InspectedTable:
    return InspectedTable(outcome.table, outcome.schema, outcome.header_errors, outcome.checked)


def _check_or_infer(
    request: InspectionRequest, detected: Detected, context: InspectionContext
) -> JudgedTable:
    """Infer or check the table in a file that is not compressed."""
    schema = parse_schema(request.schema) if request.schema is not None else None
    dialect = parse_dialect(request.dialect) if request.dialect is not None else None
    opened = open_table(
        detected,
        TableRequest(
            path=request.path,
            names=[field.name for field in schema.fields] if schema else None,
            dialect=dialect,
            freeze=request.mode == "infer",
            encoding=request.encoding,
            by_ends=True,
        ),
        context,
    )
    ignored = dialect_warnings(detected.kind, dialect, request.encoding)

    def inspect_table(table: Table) -> JudgedTable:
        context.progress.next_pass(JUDGED)
        table = copy_if_wide(context.engine, table, request.path.stat().st_size)
        gaps = describe_unmarked_gaps(context.engine, table, schema)
        table = replace(table, warnings=(*ignored, *gaps, *table.warnings))
        if schema is None:
            return _infer(table, request, context)
        return _check(table, schema, request, context)

    outcome = _check_in_place(opened, inspect_table)
    if outcome is None and (whole := opened.open_whole()) is not None:
        opened = whole
        outcome = _check_in_place(opened, inspect_table)
    if outcome is None:
        outcome = inspect_table(opened.read())
    if request.mode == "infer":
        outcome, opened = _check_with_own_contract(outcome, opened, request, context)
    records = opened.count_records(outcome.checked.rows)
    if not records.complete:
        raise SourceBroken(f"its records are not all accounted for: {records.describe()}")
    outcome.profile["file"]["records"] = records.describe()
    exceptions = [cell for each in outcome.almost_typed for cell in each.cells]
    table, errors = outcome.table, [*outcome.errors, *outcome.doubtful]
    opened.locate_errors([*errors, *exceptions])
    contract = request.mode == "given"
    finish_errors(errors, table.place_unit, table.labels, table.header_rows, contract)
    # A reader of texts counts faults, of which a row may have several.
    rejected = min(outcome.checked.rejected, records.judged)
    checked = replace(outcome.checked, rejected=rejected)
    return replace(outcome, checked=checked, opened=opened, judged=records.judged)


def _check_with_own_contract(
    outcome: JudgedTable,
    opened: OpenedTable,
    request: InspectionRequest,
    context: InspectionContext,
) -> tuple[JudgedTable, OpenedTable]:
    """The outcome of a first version, with the errors that it has under the contract that it is to
    become, and the file so opened: what was read leniently once would be rejected ever after."""
    if outcome.errors or opened.under_contract is None:
        return outcome, opened
    frozen = {**(request.dialect or {}), **(outcome.table.first_version.dialect or {})}
    names = [field.name for field in outcome.schema.fields]
    again = opened.under_contract(names, parse_dialect(frozen) if frozen else None)
    table = again.scan_in_place()
    if table is not None and table.same_reading(outcome.table):
        return outcome, opened
    table = again.read()
    header_errors, skipped = check_header(table, outcome.schema)
    checked = check_table(context.engine, table, outcome.schema, skipped, context.limits.errors)
    if not header_errors and not checked.errors and checked.rows != outcome.checked.rows:
        raise SourceBroken("its rows differ once its reading is a contract")
    table = table.with_notes_of(outcome.table)  # The normalized text has its columns now.
    return replace(outcome, table=table, header_errors=header_errors, checked=checked), again


def _check_in_place(
    opened: OpenedTable, inspect_table: Callable[[Table], JudgedTable]
) -> JudgedTable | None:
    """Inspect the file without normalizing it; None where its structure is too irregular, which
    may show only during the scan."""
    table = opened.scan_in_place()
    if table is None:
        return None
    try:
        outcome = inspect_table(table)
    except (IrregularText, *CANNOT_SCAN) as error:
        if out_of_resources(error):
            raise
        return None
    if table.passes_over_blank and any(
        each["code"] == "blank-row" for each in outcome.checked.counts
    ):
        return None
    lines = opened.count_lines(outcome.checked.rows, outcome.checked.embedded)
    if lines is None:
        return None
    outcome.profile["file"]["lines"] = lines
    return outcome


def _infer(table: Table, request: InspectionRequest, context: InspectionContext) -> JudgedTable:
    engine, most_errors = context.engine, context.limits.errors
    first = request.mode == "infer"
    if first and table.first_version.markup:
        raise NotTabular("it is HTML or XML")
    if first:
        table = without_unlabelled(engine, table)
    inferred = infer_schema(engine, table, freezes=first)
    checked = Checked(inferred.rows, [], [], 0, inferred.embedded)
    # An inferred schema lets all cells through but control characters, and moments of no field.
    suspect = (first or table.storage == "text") and (
        table.control_characters() if inferred.controls is None else inferred.controls
    )
    if table.uneven or table.findings or inferred.maybe_blank or suspect:
        schema = inferred.schema
        checked = check_table(
            engine, table, schema, frozenset(), most_errors, structure_only=not suspect
        )
    profile = file_profile(table, inferred.schema, checked.rows, request.size)
    if first:
        table, errors = judge_first_version(table, inferred)
        errors += find_rows_outside(engine, table, inferred.schema, inferred.rows)
        if not inferred.rows:
            errors.append(problem("no-rows", "a first version needs rows, from which to infer"))
        return JudgedTable(
            table, inferred.schema, errors, checked, profile, inferred.almost_typed, freezes=True
        )
    doubtful = find_doubtful_rows(engine, table, inferred.schema, inferred.rows, checked.errors)
    labels = check_labels(table)
    return JudgedTable(table, inferred.schema, labels, checked, profile, doubtful=doubtful)


def _check(
    table: Table, schema: TableSchema, request: InspectionRequest, context: InspectionContext
) -> JudgedTable:
    header_errors, skipped = check_header(table, schema)
    if header_errors and table.first_version.markup:
        raise NotTabular("it is HTML or XML")  # such as the page of an error or a sign-in
    checked = check_table(context.engine, table, schema, skipped, context.limits.errors)
    profile = file_profile(table, align_columns(table, schema), checked.rows, request.size)
    doubtful: list[dict[str, Any]] = []
    if not header_errors:
        doubtful = find_doubtful_rows(context.engine, table, schema, checked.rows, checked.errors)
    return JudgedTable(table, schema, header_errors, checked, profile, doubtful=doubtful)


def _with_table(request: InspectionRequest, outcome: JudgedTable, limits: Limits) -> Inspection:
    checked, table = outcome.checked, outcome.table
    errors = outcome.errors[: limits.errors]
    counts = [
        count_entry(
            error["code"], error.get("fieldName"), error.get("fieldNumber"), 1, _own_note(error)
        )
        for error in outcome.header_errors
    ] + checked.counts
    free = request.mode == "none"
    detail = summarize(errors, counts, checked.rejected, outcome.judged, contract=not free)
    warnings = outcome.warnings()
    finished = (*outcome.errors, *outcome.doubtful)
    if not any(where_to_state(error["message"], contract=True) for error in finished):
        warnings = add_where_to_state(warnings, contract=request.mode == "given")
    report = file_report(
        request.file_name,
        request.size,
        errors,
        warnings=[*([detail] if free and errors else []), *warnings],
        labels=table.labels,
        rows=outcome.judged,
        counts=counts,
        rejected=checked.rejected,
        findings=errors if free else None,
        summary=detail,
    )
    verdict: Verdict = "violates" if errors and not free else "conforms"
    schema = request.schema if request.schema is not None else to_document(outcome.schema)
    frozen = table.first_version.dialect if request.mode == "infer" else None
    return Inspection(
        verdict, report, outcome.profile, schema, table.media_type, checked.rows, detail, frozen
    )


def _own_note(error: dict[str, Any]) -> str:
    """The note that tells errors of one code apart; those of labels differ by their fields."""
    return "" if "#label" in error["tags"] else str(error["note"])


def _as_packed(inspection: Inspection, packed: Unpacked) -> Inspection:
    """The bytes that are kept are the compressed ones: so is their media type."""
    inspection.profile["file"] |= {"compression": list(packed.compression), "unpacked": packed.size}
    return replace(inspection, media_type=f"application/{packed.compression[0]}")


def _without_table(
    request: InspectionRequest,
    detected: Detected,
    verdict: Verdict,
    detail: str,
    code: str,
    line: int | None,
) -> Inspection:
    """Without a contract any file is accepted; why it is not a table is then a warning."""
    free = request.mode == "none"
    quiet = free and verdict == "not-tabular"
    reason = detail[:1].lower() + detail[1:].rstrip(".")
    reason = reason if line is None else reason.removesuffix(f", in line {line:,}")
    finding = problem(code, "", Statement(reason), lineNumber=line)
    finish_errors([finding], "line", contract=request.mode == "given")
    report = file_report(
        request.file_name,
        request.size,
        [] if free else [finding],
        warnings=[detail] if free and not quiet else [],
        summary=detail,
    )
    return Inspection(
        verdict="conforms" if free else verdict,
        report=report,
        profile={"file": {"bytes": request.size, "mediaType": detected.media_type}},
        schema=request.schema,
        media_type=detected.media_type,
        row_count=None,
        detail=detail,
    )
