"""The reports of every kind of breakage: read by Frictionless, with examples that are valid."""

import csv
import io
import json
from typing import Any

import pytest
from frictionless import Report
from hypothesis import HealthCheck, assume, given, settings
from tests.docs.test_reference import load_tool
from tests.inspection.conftest import Inspect, errors_of, opened_context
from tests.inspection.generated import Generated, tables
from tests.support.selection import examples

from entrepot.inspection.check.examples import find_example
from entrepot.inspection.report.error_kinds import ERROR_KINDS
from entrepot.inspection.report.report import file_report, finish_errors, problem
from entrepot.inspection.results import Inspection
from entrepot.schemas.table_schema import parse_schema

OTHERWISE = {"resource-limit", "source-error"}
"""Codes of faults that no small file has, or that are in `broken JSON` and its like."""


@pytest.fixture(scope="module")
def inspected() -> list[tuple[Any, Inspection]]:
    return list(load_tool("report_cases").inspect_cases())


def loaded(report: dict[str, Any]) -> Report:
    """The report as Frictionless reads it, after a way through JSON."""
    return Report.from_descriptor(json.loads(json.dumps(report)))


def test_frictionless_reads_every_report(inspected: list[tuple[Any, Inspection]]) -> None:
    for case, inspection in inspected:
        ours = inspection.report["tasks"][0]["errors"]
        assert ours, case.kind
        (task,) = loaded(inspection.report).tasks
        assert [error.type for error in task.errors] == [error["type"] for error in ours], case.kind
        for error in ours:
            assert error["type"] == ERROR_KINDS[error["code"]].type
            assert error["message"].endswith("."), error["message"]
            assert error["message"][0].isupper(), error["message"]


@pytest.mark.parametrize("code", ERROR_KINDS)
def test_frictionless_reads_every_code(code: str) -> None:
    error = problem(code)
    if code == "foreign-key":
        error |= {"fieldNames": ["a"], "fieldCells": ["1"], "referenceName": "",
                  "referenceFieldNames": ["b"]}  # fmt: skip
    finish_errors([error], "line", ["a"], (1,))
    (task,) = loaded(file_report("t.csv", 1, [error], labels=["a"], rows=1)).tasks
    assert [each.type for each in task.errors] == [ERROR_KINDS[code].type]


def test_every_code_has_a_case(inspected: list[tuple[Any, Inspection]]) -> None:
    codes = {error["code"] for _, inspection in inspected for error in errors_of(inspection)}
    assert codes | OTHERWISE >= ERROR_KINDS.keys()


def test_examples_are_valid_under_their_own_field(
    inspected: list[tuple[Any, Inspection]], inspect: Inspect
) -> None:
    count = 0
    for case, inspection in inspected:
        for error in errors_of(inspection):
            if "example" in error and case.name.endswith(".csv"):
                field = next(f for f in case.schema["fields"] if f["name"] == error["fieldName"])
                assert broken(inspect, field, error["example"]) == [], error["message"]
                count += 1
    assert count > 35


def broken(inspect: Inspect, field: dict[str, Any], cell: str, **schema: Any) -> list[str]:
    """The messages on one cell under one field, beside a column that is sound."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["n", "v"], ["1", cell]])
    fields = [{"name": "n", "type": "integer"}, {**field, "name": "v"}]
    inspection = inspect(text.getvalue(), {**schema, "fields": fields})
    return [error["message"] for error in errors_of(inspection)]


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    max_examples=examples(30),
)
@given(made=tables(match=False, keys=False))
def test_examples_of_generated_fields_are_valid(
    made: Generated, inspect: Inspect, tmp_path: Any
) -> None:
    parsed = parse_schema(made.schema)
    missing = {key: made.schema[key] for key in ("missingValues",) if key in made.schema}
    with opened_context(tmp_path / "examples") as context:
        example_cells = [
            find_example(context.engine, field, parsed.missing_values_of(field))
            for field in parsed.fields
        ]
    assume(any(example_cells))
    for field, example in zip(made.schema["fields"], example_cells, strict=True):
        if example:
            assert broken(inspect, field, example, **missing) == []


def test_most_fields_have_an_example(tmp_path: Any) -> None:
    """Every type without constraints, and patterns as contracts have them; not any text, of which
    an example says nothing."""
    patterns = ["[A-Z]{2}[0-9]{6}", r"\d{5}(-\d{4})?", "(red|green) .+", "^[a-z]+$", r"[^,;]*\.csv",
                r"\p{L}+", "[0-9A-F]{8}"]  # fmt: skip
    fields = [{"name": "f", "type": kind} for kind in (
        "string", "integer", "number", "boolean", "date", "time", "datetime", "year", "yearmonth",
        "duration", "object", "array", "list", "geopoint", "geojson", "any")]  # fmt: skip
    fields += [{"name": "f", "constraints": {"pattern": pattern}} for pattern in patterns]
    with opened_context(tmp_path / "examples") as context:
        for document in fields:
            (field,) = parse_schema({"fields": [document]}).fields
            is_any_text = field.type in ("string", "any") and "constraints" not in document
            assert bool(find_example(context.engine, field, ("",))) != is_any_text, document
