"""Compare two Table Schemas: each change is compatible or breaking.

*Compatible* means that every table that is valid under the old schema is valid under the new one,
and that its values mean the same to readers (a property test inspects generated tables under both).
If that is unknown, a change is breaking. A renamed field is a removed and an added one, since
nothing in the schemas links the two.

This works on documents that `parse_schema` accepted, not on `TableSchema`, so that properties which
the parser does not know are compared too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from entrepot.schemas.changes import Change, breaking_change, compatible_change, format_value
from entrepot.schemas.field_changes import (
    FieldPair,
    field_changes,
    missing_values_change,
    missing_values_of,
)

EXTRA_COLUMN_RULES = ("subset", "partial")
"""The rules of `fieldsMatch` under which a table may have additional columns."""
MISSING_COLUMN_RULES = ("superset", "partial")
"""The rules under which a table may lack columns."""
LOOSER_RULES = {
    "exact": frozenset({"equal", "subset", "superset", "partial"}),
    "equal": frozenset({"subset", "superset", "partial"}),
    "subset": frozenset({"partial"}),
    "superset": frozenset({"partial"}),
    "partial": frozenset[str](),
}
"""For each rule, the rules that accept everything that it accepts."""
COMPARED_PROPERTIES = frozenset(
    {
        *("fields", "fieldsMatch", "missingValues", "primaryKey", "uniqueKeys", "foreignKeys"),
        *("entrepot:minRows", "$schema"),
    }
)
"""Properties with a comparison of their own; all others are descriptive."""


def compare_schemas(old: dict[str, Any], new: dict[str, Any]) -> tuple[Change, ...]:
    """Every change from `old` to `new`, two valid Table Schema documents, in the order of the new
    one."""
    return (
        *_rule_changes(old, new),
        *_removed_fields(old, new),
        *_added_fields(old, new),
        *_order_change(old, new),
        *_missing_changes(old, new),
        *_common_fields(old, new),
        *_key_changes(old, new),
        *_min_rows_change(old, new),
        *_descriptive_changes(old, new),
    )


def is_compatible(changes: Sequence[Change]) -> bool:
    """Whether all changes are compatible."""
    return all(change.effect == "compatible" for change in changes)


def fields_match_rule(schema: dict[str, Any]) -> str:
    """The schema's `fieldsMatch`, which the standard also allows as a list with one item."""
    rule = schema.get("fieldsMatch", "exact")
    return str(rule[0]) if isinstance(rule, list) and rule else str(rule or "exact")


def _field_names(schema: dict[str, Any]) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def _fields_by_name(schema: dict[str, Any]) -> dict[str, tuple[int, dict[str, Any]]]:
    return {field["name"]: (n, field) for n, field in enumerate(schema["fields"])}


def _rule_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before, after = fields_match_rule(old), fields_match_rule(new)
    if before == after:
        return
    what = f"fieldsMatch: {before} → {after}"
    if after in LOOSER_RULES.get(before, ()):
        yield compatible_change("/fieldsMatch", what, f"what {before} accepts, {after} accepts too")
    else:
        reason = f"a header that {before} accepts may break {after}"
        yield breaking_change("/fieldsMatch", what, reason)


def _removed_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    new_names, after = set(_field_names(new)), fields_match_rule(new)
    for name, (position, _) in _fields_by_name(old).items():
        if name in new_names:
            continue
        reason = "who reads this column can no longer rely on it"
        if after not in EXTRA_COLUMN_RULES:
            reason = "deliveries that have the column are rejected"
        yield breaking_change(f"/fields/{position}", f"`{name}` removed", reason)


def _added_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    old_names, before, after = (
        set(_field_names(old)),
        fields_match_rule(old),
        fields_match_rule(new),
    )
    primary_key = set(_primary_key(new))
    for name, (position, field) in _fields_by_name(new).items():
        if name in old_names:
            continue
        pointer, what = f"/fields/{position}", f"`{name}` added"
        if after not in MISSING_COLUMN_RULES:
            reason = "deliveries without the column are rejected"
            yield breaking_change(
                pointer, what, f"{reason} (fieldsMatch superset would make it optional)"
            )
        elif _demands_column(field) or name in primary_key:
            yield breaking_change(
                pointer, what, "it is required, and deliveries so far have no value for it"
            )
        elif before in EXTRA_COLUMN_RULES:
            reason = "a column of this name was not judged so far, and is now"
            yield breaking_change(pointer, what, reason)
        else:
            yield compatible_change(
                pointer, what, "it is optional, and deliveries may lack its column"
            )


def _demands_column(field: dict[str, Any]) -> bool:
    required = field.get("constraints", {}).get("required", False)
    return bool(required or field.get("entrepot:notEmpty", False))


def _order_change(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    common = set(_field_names(old)) & set(_field_names(new))
    before = [name for name in _field_names(old) if name in common]
    after = [name for name in _field_names(new) if name in common]
    if before == after:
        return
    first = next(a for b, a in zip(before, after, strict=True) if a != b)
    pointer = f"/fields/{_field_names(new).index(first)}"
    what = f"order of fields, from `{first}` on"
    if fields_match_rule(new) == "exact":
        yield breaking_change(
            pointer, what, "fieldsMatch is exact, so the columns have to stand in order"
        )
    else:
        yield compatible_change(pointer, what, "columns are found by their names")


def _missing_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """The change of the schema's own `missingValues`, for the fields that inherit them."""
    before, after = missing_values_of(old, {}), missing_values_of(new, {})
    if set(before) == set(after):
        return
    pairs = [
        (field, new_field)
        for name, (_, field) in _fields_by_name(old).items()
        if name in _fields_by_name(new)
        and "missingValues" not in field
        and "missingValues" not in (new_field := _fields_by_name(new)[name][1])
    ]
    yield missing_values_change("/missingValues", "missingValues", before, after, pairs)


def _common_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    old_fields = _fields_by_name(old)
    single_key = _primary_key(old)[0] if len(_primary_key(old)) == 1 else None
    for name, (position, field) in _fields_by_name(new).items():
        if name not in old_fields:
            continue
        old_field = old_fields[name][1]
        pointer = f"/fields/{position}"
        if "missingValues" in old_field or "missingValues" in field:
            before, after = missing_values_of(old, old_field), missing_values_of(new, field)
            if set(before) != set(after):
                what = f"missingValues of `{name}`"
                yield missing_values_change(
                    f"{pointer}/missingValues", what, before, after, [(old_field, field)]
                )
        yield from field_changes(
            FieldPair(name, pointer, old_field, field, is_key=name == single_key)
        )


def _primary_key(schema: dict[str, Any]) -> list[str]:
    key = schema.get("primaryKey") or []
    return [key] if isinstance(key, str) else list(key)


def _required_fields(schema: dict[str, Any]) -> set[str]:
    """The fields that have a value in every row."""
    fields = schema.get("fields") or []
    return {f["name"] for f in fields if (f.get("constraints") or {}).get("required")}


def _key_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before, after = _primary_key(old), _primary_key(new)
    if set(before) != set(after):
        what = f"primaryKey: {_format_key(before)} → {_format_key(after)}"
        if not after:
            yield compatible_change("/primaryKey", what, "rows need no key any more")
        elif (
            before
            and set(before) <= set(after)
            and _required_fields(old) >= set(after) - set(before)
        ):
            reason = "rows that differ in the old key differ in the new one, and none lacks it"
            yield compatible_change("/primaryKey", what, reason)
        else:
            yield breaking_change(
                "/primaryKey", what, "delivered rows may lack or repeat the new key"
            )
    yield from _unique_keys_changes(old, new)


def _unique_keys_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before = [_key_set(key) for key in old.get("uniqueKeys") or []]
    after = [_key_set(key) for key in new.get("uniqueKeys") or []]
    for position, key in enumerate(after):
        if key not in before:
            what = f"uniqueKeys: {_format_key(sorted(key))} added"
            yield breaking_change(f"/uniqueKeys/{position}", what, "delivered rows may repeat it")
    for position, key in enumerate(before):
        if key not in after:
            what = f"uniqueKeys: {_format_key(sorted(key))} removed"
            yield compatible_change(
                f"/uniqueKeys/{position}", what, "rows may repeat it from now on"
            )


def _key_set(key: object) -> frozenset[str]:
    return frozenset([key] if isinstance(key, str) else key)  # type: ignore[call-overload, no-any-return]


def _format_key(names: Sequence[str]) -> str:
    return format_value(", ".join(f"`{name}`" for name in names) or "none")


def _min_rows_change(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before, after = (schema.get("entrepot:minRows", 0) for schema in (old, new))
    pointer, what = "/entrepot:minRows", f"minRows: {before:,} → {after:,}"
    if after > before:
        yield breaking_change(pointer, what, "delivered tables may have fewer rows")
    elif after < before:
        yield compatible_change(pointer, what, "every number of rows that was allowed still is")


def _descriptive_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """Changes of properties that describe and do not constrain."""
    for name in sorted((set(old) | set(new)) - COMPARED_PROPERTIES):
        if old.get(name) != new.get(name):
            yield compatible_change(
                f"/{name}", f"{name} changed", "it describes, and judges nothing"
            )
    if old.get("foreignKeys") != new.get("foreignKeys"):
        yield breaking_change(
            "/foreignKeys", "foreignKeys changed", "delivered rows may not keep them"
        )
