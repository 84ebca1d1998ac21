"""All forms of a delivered file, made in this process, and their cells as comparable values."""

import csv
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pyarrow.ipc
import pyarrow.parquet as pq
from tests.inspection.conftest import opened_context

from entrepot.inspection.convert.convert import convert_file
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.preview.page import preview_file
from entrepot.inspection.results import (
    ConversionRequest,
    Converted,
    Inspection,
    InspectionRequest,
    PreviewRequest,
)
from entrepot.schemas.model import Field
from entrepot.schemas.table_schema import parse_schema
from entrepot.schemas.values import read_value

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Forms:
    """What an inspection said, and the rows of each form (none of a form that was not made)."""

    inspection: Inspection
    parquet: Rows
    json_lines: Rows
    arrow: Rows
    preview: Rows
    profile: list[dict[str, Any]]
    canonical: bytes
    rejected: list[list[str]]
    stored: dict[str, str]

    def _in_json(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with numbers that Parquet keeps as texts as those of JSON."""
        schema = parse_schema(self.inspection.schema or {"fields": []})
        fields = {field.name: field for field in schema.fields}
        return {
            name: _number_of(value, fields.get(name)) if self.stored[name] == "VARCHAR" else value
            for name, value in row.items()
        }

    def agree(self) -> None:
        """Check that all forms have the cells of the Parquet, and the canonical CSV its columns."""
        assert self.json_lines == [self._in_json(row) for row in self.parquet]
        assert self.arrow == self.parquet
        assert self.preview == self.parquet
        assert {len(cells) for cells in cells_of(self.canonical)} <= {len(self.stored)}
        for number, column in enumerate(self.profile):
            values = [list(row.values())[number] for row in self.parquet]
            assert column["rows"] == len(values)
            numbers = [value for value in values if isinstance(value, Decimal)]
            if numbers and column["minimum"] is not None:
                finite = [each for each in numbers if each.is_finite()]
                assert Decimal(str(column["minimum"])) == min(finite)
                assert Decimal(str(column["maximum"])) == max(finite)


def forms_of(
    path: Path,
    schema: dict[str, Any] | None,
    scratch: Path,
    forms: bool = True,
    frozen: bool = False,
) -> Forms:
    """Inspect the file, and make every form of it; of a rejected one its rejected rows alone."""
    size = path.stat().st_size
    mode: Any = "given" if schema is not None else "infer"
    request = InspectionRequest(path, path.name, size, mode, schema)
    with opened_context(scratch / "inspect") as context:
        inspection = inspect_file(request, context)
    rows = inspection.row_count or 0

    def made(form: Any, source: Path, target: Path) -> Converted:
        conversion = ConversionRequest(
            source,
            path.name,
            source.stat().st_size,
            form,
            inspection.schema or {},
            mode,
            rows,
            frozen=frozen,
        )
        with opened_context(scratch / form) as context:
            converted = convert_file(conversion, target, context)
        assert converted.verdict == "made", (form, converted.detail)
        return converted

    if inspection.verdict != "conforms":
        made("rejected", path, scratch / "report.csv")
        with (scratch / "report.csv").open(newline="", encoding="utf-8") as file:
            rejected = list(csv.reader(file))
        return Forms(inspection, [], [], [], [], [], b"", rejected, {})
    parquet = scratch / "made.parquet"
    made_parquet = made("parquet", path, parquet)
    profile = made_parquet.columns
    assert profile is not None, made_parquet.detail
    made("csv", path, scratch / "made.csv")
    made("jsonl", parquet, scratch / "made.jsonl")
    made("arrow", parquet, scratch / "made.arrow")
    with opened_context(scratch / "preview") as context:
        page = preview_file(
            context.engine,
            PreviewRequest(parquet, parquet.stat().st_size, None, None, None, 10_000, None, 0),
        )
    columns = [column["name"] for column in page.columns]
    stored = {column["name"]: column["stored_as"] for column in page.columns}
    kinds = list(stored.values())
    lines = (scratch / "made.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return Forms(
        inspection,
        _rows(columns, kinds, [list(row.values()) for row in _pylist(pq.read_table(parquet))]),
        _rows(columns, kinds, [list(_json(line).values()) for line in lines]),
        _rows(
            columns,
            kinds,
            [
                list(row.values())
                for row in _pylist(pyarrow.ipc.open_file(scratch / "made.arrow").read_all())
            ],
        ),
        _rows(columns, kinds, [row["values"] for row in page.rows]),
        cast(list[dict[str, Any]], profile),
        (scratch / "made.csv").read_bytes(),
        [],
        stored,
    )


def _number_of(value: Any, field: Field | None) -> Any:
    if not isinstance(value, str) or field is None or field.type not in ("integer", "number"):
        return value
    if "." in field.group_char or not set(field.decimal_char + field.group_char) <= set(".,' _"):
        return value
    for form in (Field("", field.type), field):
        with suppress(ValueError):
            number = Decimal(read_value(value, form))
            words = {"NaN": "NaN", "Infinity": "INF", "-Infinity": "-INF"}
            return number if number.is_finite() else words[str(number)]
    return value


def cells_of(text: bytes) -> list[list[str]]:
    """The cells of canonical CSV."""
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


def _pylist(table: Any) -> list[dict[str, Any]]:
    names = [f"c{n}" for n in range(table.num_columns)]
    return cast(list[dict[str, Any]], table.rename_columns(names).to_pylist())


def _json(line: str) -> dict[str, Any]:
    pairs = json.loads(line, parse_float=Decimal, object_pairs_hook=list)
    return {f"{n} {name}": value for n, (name, value) in enumerate(pairs)}


def _rows(columns: list[str], kinds: list[str], rows: list[list[Any]]) -> Rows:
    return [
        {name: _plain(value, kind) for name, kind, value in zip(columns, kinds, row, strict=True)}
        for row in rows
    ]


def _plain(value: Any, kind: str) -> Any:
    """A value as it is compared: numbers as decimals, moments in ISO 8601, JSON parsed."""
    if value is None:
        return None
    if kind.endswith("[]"):
        return [_plain(each, kind.removesuffix("[]")) for each in value]
    if kind == "JSON":
        parsed = (
            json.loads(value, parse_float=Decimal, object_pairs_hook=list)
            if isinstance(value, str)
            else value
        )
        return json.dumps(parsed, default=str)
    if kind in ("DOUBLE", "BIGINT", "INTEGER") or kind.startswith("DECIMAL"):
        number = Decimal({"INF": "inf", "-INF": "-inf"}.get(value, str(value)))
        return number if number.is_finite() else str(number)  # since no NaN equals another
    if isinstance(value, datetime):
        value = value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        value = value.isoformat()
    if kind.startswith(("TIME", "DATE")):
        head, _, fraction = str(value).removesuffix("Z").partition(".")
        fraction = fraction.rstrip("0")
        return head + (f".{fraction}" if fraction else "")
    return value
