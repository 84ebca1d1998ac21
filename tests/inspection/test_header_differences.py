"""What happened to a header: one change is one error, at the column that it is about."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.check.header_differences import compare_header, spelling_difference

NAMES = ["customer_id", "order date", "amount", "Größe", "city", "zip", "status", "unit price"]


def header_errors_of(inspect: Inspect, labels: list[str], **schema: Any) -> list[tuple[Any, ...]]:
    fields = [{"name": name, "type": "string"} for name in NAMES]
    row = ",".join("x" for _ in labels)
    inspection = inspect(f"{','.join(labels)}\n{row}\n{row}\n", {"fields": fields, **schema})
    return [
        (error["code"], error["fieldNumber"], error["fieldName"])
        for error in errors_of(inspection)
        if "#header" in error["tags"]
    ]


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_one_change_is_one_error(inspect: Inspect, place: int) -> None:
    name, number = NAMES[place], place + 1
    before, after = NAMES[:place], NAMES[place + 1 :]
    assert header_errors_of(inspect, [*before, *after]) == [("missing-label", number, name)]
    assert header_errors_of(inspect, [*before, "weather", name, *after]) == [
        ("extra-label", number, "")
    ]
    assert header_errors_of(inspect, [*before, "weather", *after]) == [
        ("incorrect-label", number, name)
    ]
    for other in (name.swapcase(), f" {name}", f"{name}\u200b", name.replace("ö", "o\u0308") + " "):
        assert header_errors_of(inspect, [*before, other, *after]) == [
            ("misspelled-label", number, name)
        ]
    assert header_errors_of(inspect, [*before, f"{name}s", *after]) == [
        ("renamed-label", number, name)
    ]
    (moved,) = (
        header_errors_of(inspect, [*after, name]) if place == 0 else [("moved-label", 8, name)]
    )
    assert moved[0] == "moved-label"


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b", "\t"])
def test_a_blank_after_a_name_is_not_a_part_of_the_delimiter(inspect: Inspect, blank: str) -> None:
    """Of a table of one row it was, so that the row had one cell."""
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "name"}]}
    errors = errors_of(inspect(f"id{blank},name\n1,a\n", schema))
    assert [(e["code"], e["fieldNumber"]) for e in errors] == [("misspelled-label", 1)]


@pytest.mark.parametrize("match", ["equal", "subset", "superset", "partial"])
def test_names_in_any_order(inspect: Inspect, match: str) -> None:
    labels = [NAMES[3].upper(), *NAMES[4:], *NAMES[:3]]
    required = [{"name": name, "constraints": {"required": True}} for name in NAMES]
    row = ",".join("x" for _ in labels)
    inspection = inspect(f"{','.join(labels)}\n{row}\n", {"fields": required, "fieldsMatch": match})
    assert [(e["code"], e["fieldNumber"]) for e in errors_of(inspection)][:1] == [
        ("misspelled-label", 1)
    ]
    assert "missing-label" not in {error["code"] for error in errors_of(inspection)}


labels_and_names = st.lists(st.sampled_from([*NAMES, "Amount", "amnt", "x", "", "id"]), max_size=12)


@given(labels=labels_and_names, names=st.lists(st.sampled_from(NAMES), unique=True, max_size=8))
def test_no_column_that_is_there_is_missing_and_none_is_counted_twice(
    labels: list[str], names: list[str]
) -> None:
    for ordered in (True, False):
        differences = compare_header(labels, names, ordered)
        assert not {names[place] for place in differences.removed} & set(labels)
        paired = differences.pairs | differences.moved
        assert len(set(paired.values())) == len(paired)
        kept = {n for n in range(len(labels)) if n not in paired and n not in differences.inserted}
        assert {labels[n] for n in kept} <= set(names)
        assert len(kept) + len(paired) + len(differences.removed) == len(names)
        if ordered:
            places = [names.index(labels[n]) for n in sorted(kept)]
            assert places == sorted(places)


def test_in_what_alone_names_differ() -> None:
    assert spelling_difference("Amount", "amount") == "upper and lower case"
    assert spelling_difference("unit\u00a0price", "unit price") == "blanks"
    assert spelling_difference("\ufeffid", "id") == "blanks"
    assert spelling_difference("Gro\u0308\u00dfe", "Größe") == "the Unicode form"
    assert spelling_difference(" Amount", "amount") == "case, blanks or Unicode form"
    assert spelling_difference("amounts", "amount") == ""
    assert spelling_difference("amount", "amount") == ""


def test_a_wide_header_of_an_enemy_takes_no_time() -> None:
    labels, names = [f"a{n}" * 50 for n in range(20_000)], [f"b{n}" * 50 for n in range(20_000)]
    names[::2] = reversed(labels[::2])
    start = time.process_time()
    compare_header(labels, names, ordered=True)
    assert time.process_time() - start < 10  # seconds of CPU; it takes 0.6
