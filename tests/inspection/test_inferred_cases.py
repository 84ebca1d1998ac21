"""The cases of `cases` whose class is: what is inferred, and what an inferred contract forbids."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.test_contract_cases import CONTRACT, READING


def found_in(inspection: Any) -> list[tuple[str, int | None, str]]:
    return [
        (each["code"], each.get("rowNumber"), each.get("fieldName", ""))
        for each in errors_of(inspection)
    ]


def wrong(name: str, *rows: int) -> list[tuple[str, int | None, str]]:
    return [("type-error", row, name) for row in rows]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("eu_v1.csv", "eu_v2_points.csv", wrong("Preis", 2, 3, 4)),
        ("us_v1.csv", "us_v2_commas.csv", wrong("price", 2, 3)),
        ("percent_v1.csv", "percent_v2_kg.csv", wrong("share", 2, 3, 4)),
        ("zip_v1.csv", "zip_v2_zero.csv", wrong("zip", 2)),
        ("ints_v1.csv", "ints_v2_pandas.csv", []),
        ("amounts_v1.csv", "amounts_v2_cents.csv", wrong("amt", 2)),
        (
            "loose_v1.csv",
            "loose_v2_all_empty.csv",
            [("empty-column", None, "id"), ("empty-column", None, "amt")],
        ),
    ],
)
def test_a_second_version(
    inspect: Inspect, first: str, second: str, expected: list[tuple[str, int | None, str]]
) -> None:
    inferred = inspect(CONTRACT / first)
    assert inferred.verdict == "conforms", inferred.detail
    later = inspect(CONTRACT / second, inferred.schema, dialect=inferred.dialect)
    assert found_in(later) == expected, later.detail
    assert later.verdict == ("violates" if expected else "conforms")


@pytest.mark.parametrize(
    ("path", "types"),
    [
        (CONTRACT / "phone.csv", "string integer"),
        (CONTRACT / "sas_missing.csv", "string integer"),
        (CONTRACT / "dots_dates.csv", "date integer"),
        (CONTRACT / "us_ampm.csv", "datetime integer"),
        (READING / "11-binary-digits.csv", "integer string integer"),
        (READING / "13-ambiguous-datetime.csv", "string string"),
        (READING / "14-not-dates.csv", "string string string"),
        (READING / "39-text-numbers.xlsx", None),
        (READING / "46-semicolon-decimals.csv", "integer number string"),
        (READING / "49-two-digit-years.csv", "integer string"),
        (READING / "92-country-NO.csv", "integer string"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_types(inspect: Inspect, path: Any, types: str | None) -> None:
    inferred = inspect(path, mode="none" if types is None else "infer")
    assert inferred.schema is not None
    fields = {field["name"]: field for field in inferred.schema["fields"]}
    field_types = {name: field["type"] for name, field in fields.items()}
    if types is None:
        expected = {"zip": "string", "bool": "boolean", "pct": "number"}
        assert field_types | expected == field_types
        return
    assert list(field_types.values()) == types.split()
    if "Betrag" in fields:
        betrag = fields["Betrag"]
        assert (betrag["decimalChar"], betrag["groupChar"]) == (",", ".")


def test_the_later_version_keeps_it_where_nothing_new_occurs(inspect: Inspect) -> None:
    inferred = inspect("n,share\n1,12.5%\n2,NA\n")
    later = inspect("n,share\nNA,3 %\n7,\n", inferred.schema)
    assert later.verdict == "conforms", later.detail


@pytest.mark.parametrize("text", ["a,b\n", "a;b\r\n"])
def test_a_first_version_needs_rows(inspect: Inspect, text: str) -> None:
    inferred = inspect(text)
    assert ("no-rows", None, "") in found_in(inferred), inferred.detail
    assert inferred.verdict == "violates"
    assert inspect(text, mode="none").verdict == "conforms"
