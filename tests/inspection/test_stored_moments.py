"""A datetime at midnight is a date where a format stores moments, and where a field takes `any`."""

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.forms import Forms, forms_of
from tests.inspection.test_stored_types import as_arrow, as_parquet

DAY, MIDNIGHT = dt.date(2024, 1, 5), dt.datetime(2024, 1, 5)  # noqa: DTZ001 (files have no zone)
MORNING = MIDNIGHT.replace(hour=10)
DATE, DATETIME = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"


def workbook(path: Path, cells: list[tuple[dt.date, str]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["k", "v"])
    for number, (value, number_format) in enumerate(cells, start=2):
        book.active.append(["x", value])
        book.active.cell(number, 2).number_format = number_format
    book.save(path)
    return path


def forms_made(path: Path, schema: dict[str, Any], scratch: Path) -> Forms:
    scratch.mkdir()
    return forms_of(path, schema, scratch)


def schema_of(kind: str, form: str) -> dict[str, Any]:
    return {
        "fields": [
            {"name": "k", "type": "string"},
            {"name": "v", "type": kind, "format": form},
        ]
    }


@pytest.mark.parametrize("form", ["default", "any", "%d.%m.%Y"])
@pytest.mark.parametrize(
    "cells",
    [
        [(MIDNIGHT, DATETIME)],
        [(DAY, DATE), (MIDNIGHT, DATETIME)],
        [(MORNING, DATE), (MIDNIGHT, DATETIME), (DAY, DATE)],
    ],
)
def test_a_workbook_has_dates_and_datetimes_in_the_same_number(
    tmp_path: Path, form: str, cells: list[tuple[dt.date, str]]
) -> None:
    path = workbook(tmp_path / "t.xlsx", cells)
    wrong = [row for row, (value, _) in enumerate(cells, start=2) if value == MORNING]
    forms = forms_made(path, schema_of("date", form), tmp_path / "date")
    assert [each["rowNumber"] for each in errors_of(forms.inspection)] == wrong
    if not wrong:
        forms.agree()
        assert [row["v"] for row in forms.parquet] == ["2024-01-05"] * len(cells)
        assert forms.stored["v"] == "DATE"
    forms = forms_made(
        path, schema_of("datetime", form.replace("%Y", "%Y %H:%M:%S")), tmp_path / "datetime"
    )
    forms.agree()
    hours = ["T10" if value == MORNING else "T00" for value, _ in cells]
    assert [row["v"] for row in forms.parquet] == [f"2024-01-05{hour}:00:00" for hour in hours]
    assert forms.stored["v"] == "TIMESTAMP"


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_at_midnight_is_a_date(
    inspect: Inspect, tmp_path: Path, write: Any, unit: str
) -> None:
    schema = {"fields": [{"name": "v", "type": "date", "constraints": {"minimum": "2024-01-05"}}]}
    path = write(tmp_path / write.__name__[3:], pa.array([MIDNIGHT], pa.timestamp(unit)))
    forms = forms_made(path, schema, tmp_path / "midnight")
    forms.agree()
    assert [row["v"] for row in forms.parquet] == ["2024-01-05"]
    path = write(tmp_path / write.__name__[3:], pa.array([MIDNIGHT, MORNING], pa.timestamp(unit)))
    assert [each["rowNumber"] for each in errors_of(inspect(path, schema))] == [3]
    path = write(tmp_path / write.__name__[3:], pa.array([MIDNIGHT], pa.timestamp(unit, "UTC")))
    assert errors_of(inspect(path, schema))


TIMES = {
    "2024-01-05 00:00:00": True, "2024-01-05T00:00:00": True, "2024-01-05T00:00:00Z": True,
    "2024-01-05 00:00:00.000000": True, "2024-01-05T00:00:00+02:00": True, "2024-01-05 00:00": True,
    "1/5/2024 0:00": True, "1/5/2024 12:00:00 AM": True, "5 Jan 2024 00:00": True,
    "2024-01-05 00:00:01": False, "2024-01-05 00:00:00.001": False, "2024-01-05 12:00": False,
    "2024-01-05 12:00 PM": False, "2024-02-30 00:00:00": False, "00:00:00": False,
    "2024-01-05 00": False,
}  # fmt: skip


def test_any_takes_a_date_at_midnight_and_no_other_time(inspect: Inspect, tmp_path: Path) -> None:
    text = "k,v\n" + "".join(f"x,{text}\n" for text in TIMES)
    inspection = inspect(text, schema_of("date", "any"))
    wrong = [row for row, right in enumerate(TIMES.values(), start=2) if not right]
    assert [each["rowNumber"] for each in errors_of(inspection)] == wrong
    path = tmp_path / "t.csv"
    path.write_text("k,v\n" + "".join(f"x,{text}\n" for text, right in TIMES.items() if right))
    forms = forms_made(path, schema_of("date", "any"), tmp_path / "forms")
    forms.agree()
    assert {row["v"] for row in forms.parquet} == {"2024-01-05"}


@pytest.mark.parametrize(
    ("kind", "form", "cell", "says"),
    [
        ("date", "default", "2024-01-05 00:00:00", "set the format of the field to `any`"),
        ("date", "default", "2024-01-05T10:00", "set the type of the field to `datetime`"),
        ("date", "%d.%m.%Y", "05.01.2024 0:00", "Remove the time"),
        ("datetime", "default", "2024-01-05", "Add the time"),
    ],
)
def test_a_time_too_much_or_too_little_is_named(
    inspect: Inspect, kind: str, form: str, cell: str, says: str
) -> None:
    [error] = errors_of(inspect(f"k,v\nx,{cell}\n", schema_of(kind, form)))
    assert says in error["message"]
