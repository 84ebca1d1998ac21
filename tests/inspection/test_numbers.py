"""Integers and numbers as texts: groups of digits, zeros after the point, what is whole."""

import random
from decimal import Decimal
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.test_contract_cases import CONTRACT

from entrepot.inspection.engine import open_engine
from entrepot.inspection.values.decimals import is_whole
from entrepot.schemas.model import Field
from entrepot.schemas.values import InvalidValue, read_value


def table(cells: list[str], **properties: Any) -> tuple[str, dict[str, Any]]:
    text = "n;x\n" + "".join(f"{cell};\n" for cell in cells)
    return text, {"fields": [{"name": "n", **properties}, {"name": "x"}]}


def rejected(inspect: Inspect, cells: list[str], **properties: Any) -> list[str]:
    dialect = {"delimiter": ";", "quoteChar": '"'}
    errors = errors_of(inspect(*table(cells, **properties), dialect=dialect))
    assert {each["type"] for each in errors} <= {"type-error"}
    return [each["cell"] for each in errors]


GOOD = ["1{g}234", "12{g}345", "123{g}456", "1{g}234{g}567", "1234", "12345", "0", "-1{g}000", "7"]
BAD = [
    "1{g}2", "1{g}20", "12{g}34", "1234{g}567", "1{g}2345", "1{g}234{g}5", "{g}123", "123{g}",
    "1{g}{g}234", "0{g}123", "01{g}234", "12{g}34{g}567", "1{g}234567", "123{g}45{g}678",
]  # fmt: skip
BAD_DECIMALS = ["1{g}23{d}5", "1{d}234{g}567", "0{d}1{g}234", "{d}123{g}456", "1{d}2{d}3"]
MARKS = [
    (",", "."),
    (".", ","),
    (" ", ","),
    ("\u00a0", ","),
    ("'", "."),
    ("\u2019", "."),
    ("_", "."),
]


@pytest.mark.parametrize(
    ("kind", "group", "mark"),
    [(kind, *marks) for kind in ("number", "integer") for marks in MARKS],
)
def test_a_separator_stands_between_groups_of_three(
    inspect: Inspect, kind: str, group: str, mark: str
) -> None:
    properties: dict[str, Any] = {"type": kind, "groupChar": group}
    good, bad = list(GOOD), [each for each in BAD if each != "123{g}" or group.strip()]
    if kind == "number":
        properties["decimalChar"] = mark
        good += [f"{each}{{d}}5" for each in GOOD] + ["{d}5", "1{g}234{d}5e3"]
        bad += BAD_DECIMALS
    good, bad = ([each.format(g=group, d=mark) for each in cells] for cells in (good, bad))
    bad = [each for each in bad if each.strip() == each]  # blanks around it are not part of it
    assert rejected(inspect, [*good, *bad], **properties) == bad
    field = Field("n", kind, group_char=group, decimal_char=mark if kind == "number" else ".")
    for cell in good:
        plain = cell.replace(group, "").replace(mark, ".")
        assert read_value(cell, field) == Decimal(plain)
    for cell in set(bad) - {f"12{group}34{group}567"}:  # Indian groups
        with pytest.raises(InvalidValue):
            read_value(cell, field)


INDIAN = ["12,34,567", "1,00,000", "1,234", "12,345", "99,99,99,999", "100", "-1,00,00,000.50"]


@pytest.mark.parametrize("properties", [{}, {"bareNumber": False}])
def test_indian_groups_are_those_of_a_whole_column(
    inspect: Inspect, properties: dict[str, Any]
) -> None:
    properties = {"type": "number", "groupChar": ",", **properties}
    assert rejected(inspect, INDIAN, **properties) == []
    mixed = [*INDIAN, "1,234,567"]
    indian_alone = ["12,34,567", "1,00,000", "99,99,99,999", "-1,00,00,000.50"]
    assert rejected(inspect, mixed, **properties) == indian_alone
    assert rejected(inspect, [*INDIAN, "1,2", "1,23,45"], **properties) == ["1,2", "1,23,45"]


@pytest.mark.parametrize(
    ("file", "group", "mark", "wrong"),
    [("eu_v2_points.csv", ".", ",", {2, 3, 4}), ("us_v2_commas.csv", ",", ".", {2, 3})],
)
def test_the_other_mark_is_no_separator(
    inspect: Inspect, file: str, group: str, mark: str, wrong: set[int]
) -> None:
    first = {"eu_v2_points.csv": "Artikel", "us_v2_commas.csv": "item"}[file]
    second = {"eu_v2_points.csv": "Preis", "us_v2_commas.csv": "price"}[file]
    number = {"name": second, "type": "number", "groupChar": group, "decimalChar": mark}
    inspection = inspect(CONTRACT / file, {"fields": [{"name": first}, number]})
    assert {each["rowNumber"] for each in errors_of(inspection)} == wrong


@pytest.mark.parametrize("cell", ["5.0", "5.000", "-7.0", "+5.0", " 5.0", "12345678901234567890.0"])
def test_a_point_and_zeros_make_no_fraction(inspect: Inspect, cell: str) -> None:
    assert rejected(inspect, [cell, "5"], type="integer") == []
    assert read_value(cell, Field("n", "integer")) == Decimal(cell.strip())
    plain = cell.strip().partition(".")[0]
    unique = inspect(*table([cell, plain], type="integer", constraints={"unique": True}))
    assert [each["type"] for each in errors_of(unique)] == ["unique-error"]
    enum = inspect(*table([cell], type="integer", constraints={"enum": [plain]}))
    assert enum.verdict == "conforms"


@pytest.mark.parametrize(
    "cell", ["5.01", "5.", ".0", "5.0e0", "5.0.0", "5,0", "5.00000000000000001"]
)
def test_other_decimals_are_no_integers(inspect: Inspect, cell: str) -> None:
    assert rejected(inspect, [cell], type="integer") == [cell]


def test_what_is_whole_is_decided_by_digits() -> None:
    rng = random.Random(12)
    texts = ["1e400", "1e-400", "-0.01", "9007199254740993.5", "0e-5", "-0.0", "1e0"]
    for _ in range(2_000):
        digits = "".join(rng.choices("0019", k=rng.randint(1, 25)))
        point = rng.randint(0, len(digits))
        text = f"{rng.choice(['', '-', '+'])}{digits[:point]}.{digits[point:]}"
        texts.append(text + (f"e{rng.randint(-30, 30)}" if rng.random() < 0.5 else ""))
    with open_engine() as engine:
        query = f"SELECT {is_whole('t')} FROM (SELECT unnest(?::VARCHAR[]) AS t)"
        values = [value for (value,) in engine.execute(query, [texts]).fetchall()]
    for text, whole in zip(texts, values, strict=True):
        _, number, exponent = Decimal(text).as_tuple()
        trailing = len(number) - len("".join(map(str, number)).rstrip("0"))
        assert whole == (not any(number) or int(exponent) + trailing >= 0), text


def test_a_column_that_pandas_has_turned_into_decimals_is_integers(inspect: Inspect) -> None:
    first = inspect(CONTRACT / "ints_v1.csv")
    second = inspect(CONTRACT / "ints_v2_pandas.csv", first.schema)
    assert (second.verdict, errors_of(second)) == ("conforms", [])
