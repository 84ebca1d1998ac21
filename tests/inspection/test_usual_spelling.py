"""What a verdict knows of how values are spelled spares questions, and changes no type or value."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import opened_context

from entrepot.inspection.convert.convert import convert_file, convert_judged
from entrepot.inspection.inspect import judge_file
from entrepot.inspection.line_prefilter import MIN_BYTES
from entrepot.inspection.results import ConversionRequest, InspectionRequest

LINES = 4_000
KINDS: dict[str, tuple[str, list[str], str]] = {
    # what: (type, the texts, the type in Parquet)
    "dates": ("date", ["2024-02-29", "1000-01-01", "9999-12-31", ""], "date32[day]"),
    "moments": ("datetime", ["2024-02-29T23:59:59", "1000-01-01 00:00:00.5"], "timestamp[us]"),
    "moments of UTC": (
        "datetime", ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59"], "timestamp[us, tz=UTC]",
    ),
    "six digits of a second": (
        "datetime", ["2024-02-29T23:59:59.123456Z"], "timestamp[us, tz=UTC]",
    ),
    "nanoseconds": ("datetime", ["2024-02-29T23:59:59.123456789"], "timestamp[ns]"),
    "nanoseconds of UTC": ("datetime", ["2024-02-29T23:59:59.123456789Z"], "string"),
    "nanoseconds too early": ("datetime", ["1500-02-28T23:59:59.123456789"], "string"),
    "twelve digits of a second": ("datetime", ["2024-02-29T23:59:59.123456789012"], "string"),
    "zeros behind nanoseconds": ("datetime", ["2024-02-29T23:59:59.123456789000"], "timestamp[ns]"),
    "times": ("time", ["23:59:59", "00:00:00.123456"], "time64[us]"),
    "times of nanoseconds": ("time", ["23:59:59.123456789"], "string"),
    "decimals": ("number", ["-0.50", "+12.3", "007", ".5", "5."], "decimal128(4, 2)"),
    "an exponent": ("number", ["1e3", "2.5E-3"], "double"),
    "an exponent of too many digits": ("number", ["1e3", "0.12345678901234567891"], "string"),
    "shortest doubles": ("number", ["1e3", "0.30000000000000004"], "double"),
    "whole numbers": ("integer", ["-0", "+5", "9223372036854775807"], "int64"),
    "long whole numbers": ("integer", ["9223372036854775808"], "decimal128(38, 0)"),
    "very long whole numbers": ("integer", ["9" * 40], "string"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_parquet_of_a_verdict_is_that_of_a_conversion(kind: str, tmp_path: Path) -> None:
    type_, texts, stored = KINDS[kind]
    file = tmp_path / "table.csv"
    filler = "x" * (MIN_BYTES // LINES)
    rows = (f"{n},{texts[n % len(texts)]},{filler}\n" for n in range(LINES))
    file.write_text("id,value,filler\n" + "".join(rows))
    schema: dict[str, Any] = {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "value", "type": type_},
            {"name": "filler", "type": "string"},
        ]
    }
    size = file.stat().st_size
    with opened_context(tmp_path / "scratch", size=size) as context:
        judged = judge_file(InspectionRequest(file, file.name, size, "given", schema), context)
        assert judged.inspection.verdict == "conforms"
        assert judged.outcome is not None
        assert judged.outcome.checked.usual == {1, 2}
        with_verdict, alone = tmp_path / "with-verdict.parquet", tmp_path / "alone.parquet"
        first = convert_judged("parquet", judged, with_verdict, context)
        conversion = ConversionRequest(file, file.name, size, "parquet", schema, "given", LINES)
        second = convert_file(conversion, alone, context)

    assert first == second
    table = pq.read_table(with_verdict)
    assert table.equals(pq.read_table(alone))
    assert table.schema.field("value").type == _type(stored)
    assert table.column("value").null_count == LINES // len(texts) * texts.count("")


def _type(text: str) -> pa.DataType:
    if text.startswith("decimal128"):
        precision, scale = text.removeprefix("decimal128(").rstrip(")").split(", ")
        return pa.decimal128(int(precision), int(scale))
    if text == "timestamp[us, tz=UTC]":
        return pa.timestamp("us", "UTC")
    return pa.type_for_alias(text)
