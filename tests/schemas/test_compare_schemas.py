"""Which changes of a schema are breaking, and why."""

from typing import Any

import pytest

from entrepot.schemas.compare_schemas import compare_schemas, is_compatible
from entrepot.schemas.types import CONSTRAINTS

WIDER_TYPES = {
    ("integer", "number"),
    ("year", "integer"),
    ("year", "number"),
    ("geojson", "object"),
}


def schema(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"fields": list(fields), **more}


def field(name: str = "a", kind: str = "string", /, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def describe_only_change(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The only change, in words."""
    (change,) = compare_schemas(old, new)
    return f"{change.pointer} {change}"


def test_nothing_changed() -> None:
    same = schema(field("a", "integer", constraints={"minimum": 1}), primaryKey="a")
    assert compare_schemas(same, {**same, "primaryKey": ["a"], "fieldsMatch": ["exact"]}) == ()


PERCENT = {"entrepot:affix": {"suffix": "%"}}


@pytest.mark.parametrize("before", CONSTRAINTS)
@pytest.mark.parametrize("after", CONSTRAINTS)
def test_every_pair_of_types(before: str, after: str) -> None:
    changes = compare_schemas(schema(field("a", before)), schema(field("a", after)))
    if before == after:
        assert changes == ()
        return
    (change,) = changes
    assert change.pointer == "/fields/0/type"
    assert (change.effect == "compatible") == ((before, after) in WIDER_TYPES)
    assert str(change).startswith(f"`a`: {before} → {after}: {change.effect}, ")


def test_a_wider_type_in_words() -> None:
    old, new = schema(field("qty", "integer")), schema(field("qty", "number"))
    expected = "`qty`: integer → number: compatible, every integer is a number"
    assert describe_only_change(old, new) == f"/fields/0/type {expected}"
    assert describe_only_change(new, old).endswith(
        "breaking, not every number is a value of type integer"
    )


CONSTRAINT_CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("string", {}, {"required": True}, "breaking"),
    ("string", {"required": True}, {}, "compatible"),
    ("string", {"required": True}, {"required": False}, "compatible"),
    ("string", {}, {"unique": True}, "breaking"),
    ("string", {"unique": True}, {}, "compatible"),
    ("integer", {}, {"minimum": 1}, "breaking"),
    ("integer", {"minimum": 1}, {}, "compatible"),
    ("integer", {"minimum": 1}, {"minimum": 0}, "compatible"),
    ("integer", {"minimum": 1}, {"minimum": 2}, "breaking"),
    ("integer", {"minimum": "9"}, {"minimum": 10}, "breaking"),
    ("integer", {"maximum": 9}, {"maximum": 10}, "compatible"),
    ("integer", {"maximum": 10}, {"maximum": 9}, "breaking"),
    ("number", {"exclusiveMinimum": 1}, {"exclusiveMinimum": 0.5}, "compatible"),
    ("number", {"exclusiveMaximum": 1}, {"exclusiveMaximum": 0.5}, "breaking"),
    ("date", {"minimum": "2020-01-01"}, {"minimum": "2019-12-31"}, "compatible"),
    ("date", {"maximum": "2020-01-01"}, {"maximum": "2019-12-31"}, "breaking"),
    ("datetime", {"minimum": "2020-01-01T00:00:00+01:00"},
     {"minimum": "2019-12-31T23:00:00Z"}, "compatible"),
    ("time", {"minimum": "10:00:00"}, {"minimum": "09:00:00"}, "breaking"),
    ("yearmonth", {"minimum": "2020-02"}, {"minimum": "2020-01"}, "compatible"),
    ("string", {"minLength": 2}, {"minLength": 1}, "compatible"),
    ("string", {"minLength": 1}, {"minLength": 2}, "breaking"),
    ("array", {"maxLength": 1}, {"maxLength": 2}, "compatible"),
    ("list", {"maxLength": 2}, {"maxLength": 1}, "breaking"),
    ("string", {}, {"maxLength": 1}, "breaking"),
    ("string", {"pattern": "a"}, {}, "compatible"),
    ("string", {"pattern": "a"}, {"pattern": "a|b"}, "breaking"),
    ("string", {}, {"pattern": "a"}, "breaking"),
    ("string", {"enum": ["a"]}, {"enum": ["b", "a"]}, "compatible"),
    ("string", {"enum": ["a", "b"]}, {"enum": ["a"]}, "breaking"),
    ("string", {}, {"enum": ["a"]}, "breaking"),
    ("string", {"enum": ["a"]}, {}, "compatible"),
    ("boolean", {"enum": [True]}, {"enum": ["true", False]}, "compatible"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after", "effect"), CONSTRAINT_CASES)
def test_constraints(kind: str, before: Any, after: Any, effect: str) -> None:
    changes = compare_schemas(
        schema(field("a", kind, constraints=before)), schema(field("a", kind, constraints=after))
    )
    (change,) = changes
    assert change.effect == effect
    assert change.pointer.startswith("/fields/0/constraints/")


def test_one_integer_written_in_three_ways_is_one() -> None:
    old = schema(field("a", "integer", constraints={"enum": [1, 2]}))
    assert compare_schemas(old, schema(field("a", "integer", constraints={"enum": ["2", 1.0]}))) \
        == ()  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ({"minimum": 5}, {"exclusiveMinimum": 4}, "compatible"),
        ({"minimum": 5}, {"exclusiveMinimum": 5}, "breaking"),
        ({"exclusiveMinimum": 5}, {"minimum": 5}, "compatible"),
        ({"maximum": 5}, {"exclusiveMaximum": 5}, "breaking"),
        ({"exclusiveMaximum": 5}, {"maximum": 5}, "compatible"),
    ],
)
def test_a_bound_and_an_exclusive_one(before: Any, after: Any, effect: str) -> None:
    changes = compare_schemas(
        schema(field("a", "integer", constraints=before)),
        schema(field("a", "integer", constraints=after)),
    )
    assert is_compatible(changes) == (effect == "compatible")


def test_a_bound_beyond_what_a_double_tells_apart_is_not_carried_over() -> None:
    huge = {"exclusiveMinimum": 2**53 + 1}
    changes = compare_schemas(
        schema(field("a", "integer", constraints=huge)),
        schema(field("a", "number", constraints=huge)),
    )
    assert [change.effect for change in changes] == ["compatible", "breaking"]


def test_what_a_primary_key_demanded_may_be_demanded_by_constraints() -> None:
    old = schema(field("a"), field("b"), primaryKey="a")
    both = {"required": True, "unique": True}
    new = schema(field("a", constraints=both), field("b"), primaryKey="a")
    assert [change.effect for change in compare_schemas(old, new)] == ["compatible"] * 2


@pytest.mark.parametrize(
    ("kind", "before", "after", "effect"),
    [
        ("string", {"format": "email"}, {}, "compatible"),
        ("string", {}, {"format": "email"}, "breaking"),
        ("string", {"format": "email"}, {"format": "uri"}, "breaking"),
        ("date", {}, {"format": "%d.%m.%Y"}, "breaking"),
        ("number", {}, {"groupChar": " "}, "compatible"),
        ("number", {"groupChar": ","}, {}, "breaking"),
        ("number", {}, {"groupChar": "1"}, "breaking"),
        ("number", {}, {"decimalChar": ","}, "breaking"),
        ("number", {}, {"bareNumber": False}, "breaking"),
        ("integer", {}, {"bareNumber": False}, "compatible"),
        ("integer", {"bareNumber": False}, {}, "breaking"),
        ("boolean", {}, {"trueValues": ["true", "True", "TRUE", "1", "yes"]}, "compatible"),
        ("boolean", {}, {"trueValues": ["yes"]}, "breaking"),
        ("integer", {}, {"entrepot:leadingZeros": False}, "breaking"),
        ("integer", {"entrepot:leadingZeros": False}, {}, "compatible"),
        ("number", {}, {"entrepot:finite": True}, "breaking"),
        ("number", {"entrepot:finite": True}, {}, "compatible"),
        ("datetime", {}, {"entrepot:timeZone": True}, "breaking"),
        ("time", {"entrepot:timeZone": True}, {"entrepot:timeZone": False}, "breaking"),
        ("datetime", {"entrepot:timeZone": False}, {}, "compatible"),
        ("string", {}, {"entrepot:notEmpty": True}, "breaking"),
        ("string", {"entrepot:notEmpty": True}, {}, "compatible"),
        ("list", {}, {"delimiter": ";"}, "breaking"),
        ("list", {"itemType": "integer"}, {"itemType": "number"}, "compatible"),
        ("list", {}, {"itemType": "integer"}, "breaking"),
        ("string", {}, {"title": "A"}, "compatible"),
        ("string", {"categories": ["a"]}, {"categories": ["a", "b"]}, "compatible"),
        ("string", {"categories": [{"value": "a", "label": "A"}]}, {"categories": ["b"]},
         "breaking"),
        ("string", {}, {"categories": ["b"]}, "breaking"),
        ("string", {"categories": ["b"]}, {}, "compatible"),
    ],
)  # fmt: skip
def test_properties(kind: str, before: Any, after: Any, effect: str) -> None:
    changes = compare_schemas(schema(field("a", kind, **before)), schema(field("a", kind, **after)))
    (change,) = changes
    assert (change.effect, change.pointer) == (effect, f"/fields/0/{[*before, *after][0]}")


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ({}, PERCENT, "breaking"),
        (PERCENT, {}, "compatible"),
        (PERCENT, {"entrepot:affix": {"suffix": "kg"}}, "breaking"),
    ],
)
def test_affixes(before: Any, after: Any, effect: str) -> None:
    (change,) = compare_schemas(
        schema(field("a", "number", bareNumber=False, **before)),
        schema(field("a", "number", bareNumber=False, **after)),
    )
    assert (change.effect, change.pointer) == (effect, "/fields/0/entrepot:affix")


@pytest.mark.parametrize(
    ("before", "after", "effect"), [(0, 1, "breaking"), (5, 1, "compatible"), (1, 0, "compatible")]
)
def test_minimal_rows(before: int, after: int, effect: str) -> None:
    old, new = (schema(field("a"), **{"entrepot:minRows": n}) for n in (before, after))
    (change,) = compare_schemas(old, new)
    assert (change.effect, change.pointer) == (effect, "/entrepot:minRows")


def test_a_required_column_is_not_empty_anyway() -> None:
    old = schema(field("a", constraints={"required": True}))
    new = schema(field("a", constraints={"required": True}, **{"entrepot:notEmpty": True}))
    assert is_compatible(compare_schemas(old, new))


@pytest.mark.parametrize(
    ("kind", "before", "after", "effect"),
    [
        ("integer", [""], ["", "NA"], "compatible"),
        ("integer", [""], ["", "-999"], "breaking"),
        ("string", [""], ["", "NA"], "breaking"),
        ("integer", ["", "NA"], [""], "breaking"),
        ("boolean", [""], ["", "0"], "breaking"),
        ("boolean", [""], ["", "?"], "compatible"),
        ("number", [""], ["", "NaN"], "breaking"),
        ("date", [""], ["", "-"], "compatible"),
    ],
)
def test_missing_values(kind: str, before: Any, after: Any, effect: str) -> None:
    whole = compare_schemas(
        schema(field("a", kind), missingValues=before),
        schema(field("a", kind), missingValues=after),
    )
    assert [(c.effect, c.pointer) for c in whole] == [(effect, "/missingValues")]
    own = compare_schemas(
        schema(field("a", kind, missingValues=before)),
        schema(field("a", kind, missingValues=after)),
    )
    assert [(c.effect, c.pointer) for c in own] == [(effect, "/fields/0/missingValues")]


def test_missing_values_in_words() -> None:
    old = schema(field("land"))
    description = describe_only_change(old, {**old, "missingValues": ["", "NA"]})
    assert description == (
        "/missingValues missingValues: added `NA`: breaking, `NA` was a value of `land` and would "
        "be none"
    )


def test_missing_values_moved_to_the_field_are_the_same() -> None:
    old = schema(field("a", "integer"), missingValues=["", "NA"])
    new = schema(field("a", "integer", missingValues=["NA", ""]), missingValues=["", "NA"])
    assert compare_schemas(old, new) == ()


@pytest.mark.parametrize("before", ["exact", "equal", "subset", "superset", "partial"])
@pytest.mark.parametrize("after", ["exact", "equal", "subset", "superset", "partial"])
def test_rules_of_matching(before: str, after: str) -> None:
    looser = {
        ("exact", "equal"), ("exact", "subset"), ("exact", "superset"), ("exact", "partial"),
        ("equal", "subset"), ("equal", "superset"), ("equal", "partial"),
        ("subset", "partial"), ("superset", "partial"),
    }  # fmt: skip
    old, new = schema(field(), fieldsMatch=before), schema(field(), fieldsMatch=after)
    assert is_compatible(compare_schemas(old, new)) == (
        before == after or (before, after) in looser
    )


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ("exact", "exact", "breaking"),
        ("equal", "equal", "breaking"),
        ("subset", "subset", "breaking"),
        ("superset", "superset", "compatible"),
        ("partial", "partial", "breaking"),
        ("exact", "superset", "compatible"),
        ("exact", "partial", "compatible"),
    ],
)
def test_a_new_field(before: str, after: str, effect: str) -> None:
    old = schema(field("a"), fieldsMatch=before)
    new = schema(field("a"), field("b", "integer"), fieldsMatch=after)
    (change,) = [c for c in compare_schemas(old, new) if c.pointer != "/fieldsMatch"]
    assert (change.effect, change.pointer) == (effect, "/fields/1")
    required = schema(field("a"), field("b", constraints={"required": True}), fieldsMatch=after)
    assert not is_compatible(compare_schemas(old, required))


@pytest.mark.parametrize("rule", ["exact", "equal", "subset", "superset", "partial"])
def test_a_removed_field_and_a_renamed_one(rule: str) -> None:
    old = schema(field("a"), field("b"), fieldsMatch=rule)
    removed = compare_schemas(old, schema(field("a"), fieldsMatch=rule))
    assert [(c.effect, c.pointer) for c in removed] == [("breaking", "/fields/1")]
    renamed = compare_schemas(old, schema(field("a"), field("c"), fieldsMatch=rule))
    assert [c.what for c in renamed] == ["`b` removed", "`c` added"]
    assert renamed[0].effect == "breaking"


def test_the_order_of_fields_matters_to_exact_alone() -> None:
    ab, ba = (field("a"), field("b")), (field("b"), field("a"))
    description = describe_only_change(schema(*ab), schema(*ba))
    assert description.startswith("/fields/0 order of fields, from `b` on: breaking, ")
    assert is_compatible(
        compare_schemas(schema(*ab, fieldsMatch="equal"), schema(*ba, fieldsMatch="equal"))
    )


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ([], "a", "breaking"),
        ("a", [], "compatible"),
        ("a", ["a", "must"], "compatible"),
        ("a", ["a", "b"], "breaking"),  # delivered rows may have no b
        (["a", "b"], ["b"], "breaking"),
        ("a", "b", "breaking"),
    ],
)
def test_primary_keys(before: Any, after: Any, effect: str) -> None:
    both = field("a"), field("b"), field("must", constraints={"required": True})
    description = describe_only_change(
        schema(*both, primaryKey=before), schema(*both, primaryKey=after)
    )
    assert description.startswith("/primaryKey primaryKey: ")
    assert f": {effect}, " in description
    assert compare_schemas(
        schema(*both, primaryKey=["a", "b"]), schema(*both, primaryKey=["b", "a"])
    ) == ()  # fmt: skip


def test_unique_keys() -> None:
    both = field("a"), field("b")
    old, new = schema(*both, uniqueKeys=[["a"]]), schema(*both, uniqueKeys=[["b", "a"]])
    assert [(c.pointer, c.effect) for c in compare_schemas(old, new)] == [
        ("/uniqueKeys/0", "breaking"),
        ("/uniqueKeys/0", "compatible"),
    ]


def test_other_properties_of_a_schema() -> None:
    assert describe_only_change(schema(field()), schema(field(), title="T")).startswith(
        "/title title changed: c"
    )
    assert not is_compatible(compare_schemas(schema(field()), schema(field(), foreignKeys=[{}])))


def test_a_change_as_json() -> None:
    (change,) = compare_schemas(schema(field("a", "integer")), schema(field("a", "number")))
    assert change.to_document() == {
        "pointer": "/fields/0/type",
        "change": "`a`: integer → number",
        "effect": "compatible",
        "reason": "every integer is a number",
    }
