"""What changes from one Table Schema to the next, each change compatible or breaking.

*Compatible* means that every table that is valid under the old schema is valid under the new one,
and that its values mean the same to those who read them (a property test inspects generated
tables under both). Where that cannot be told, a change is breaking. Renames are a field removed
and one added, since nothing says that they are the same.

Works on documents that `parse_schema` took, so that what the language learns later is compared
by what it says and not by how it is held.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from entrepot.schemas.changes import Change, breaking, compatible, shown
from entrepot.schemas.widen import FieldPair, field_changes, missing_change, missing_values_of

MORE = ("subset", "partial")
"""The rules of `fieldsMatch` under which a table may have further columns."""
FEWER = ("superset", "partial")
"""Those under which it may lack some."""
LOOSER = {
    "exact": frozenset({"equal", "subset", "superset", "partial"}),
    "equal": frozenset({"subset", "superset", "partial"}),
    "subset": frozenset({"partial"}),
    "superset": frozenset({"partial"}),
    "partial": frozenset[str](),
}
"""The rules that accept whatever each rule accepts."""
DESCRIBED_APART = frozenset(
    {"fields", "fieldsMatch", "missingValues", "primaryKey", "uniqueKeys", "foreignKeys", "$schema"}
)


def compare_schemas(old: dict[str, Any], new: dict[str, Any]) -> tuple[Change, ...]:
    """Every change from `old` to `new`, both sound Table Schema documents, in the new's order."""
    return (
        *_rule_changes(old, new),
        *_removed_fields(old, new),
        *_added_fields(old, new),
        *_order_change(old, new),
        *_missing_changes(old, new),
        *_common_fields(old, new),
        *_key_changes(old, new),
        *_told_changes(old, new),
    )


def is_compatible(changes: Sequence[Change]) -> bool:
    """Whether none of the changes breaks anything."""
    return all(change.effect == "compatible" for change in changes)


def match_rule(schema: dict[str, Any]) -> str:
    """The schema's `fieldsMatch`, which the standard also allows as a list of one."""
    rule = schema.get("fieldsMatch", "exact")
    return str(rule[0]) if isinstance(rule, list) and rule else str(rule or "exact")


def _names(schema: dict[str, Any]) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def _by_name(schema: dict[str, Any]) -> dict[str, tuple[int, dict[str, Any]]]:
    return {field["name"]: (n, field) for n, field in enumerate(schema["fields"])}


def _rule_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before, after = match_rule(old), match_rule(new)
    if before == after:
        return
    what = f"fieldsMatch: {before} → {after}"
    if after in LOOSER.get(before, ()):
        yield compatible("/fieldsMatch", what, f"what {before} accepts, {after} accepts too")
    else:
        reason = f"a header that {before} accepts may break {after}"
        yield breaking("/fieldsMatch", what, reason)


def _removed_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    kept, after = set(_names(new)), match_rule(new)
    for name, (position, _) in _by_name(old).items():
        if name in kept:
            continue
        reason = "who reads this column can no longer rely on it"
        if after not in MORE:
            reason = "deliveries that have the column are rejected"
        yield breaking(f"/fields/{position}", f"`{name}` removed", reason)


def _added_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    known, before, after = set(_names(old)), match_rule(old), match_rule(new)
    key = set(_key(new))
    for name, (position, field) in _by_name(new).items():
        if name in known:
            continue
        at, what = f"/fields/{position}", f"`{name}` added"
        if after not in FEWER:
            reason = "deliveries without the column are rejected"
            yield breaking(at, what, f"{reason} (fieldsMatch superset would make it optional)")
        elif field.get("constraints", {}).get("required") or name in key:
            yield breaking(at, what, "it is required, and deliveries so far have no value for it")
        elif before in MORE:
            reason = "a column of this name was not judged so far, and is now"
            yield breaking(at, what, reason)
        else:
            yield compatible(at, what, "it is optional, and deliveries may lack its column")


def _order_change(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    common = set(_names(old)) & set(_names(new))
    before = [name for name in _names(old) if name in common]
    after = [name for name in _names(new) if name in common]
    if before == after:
        return
    first = next(a for b, a in zip(before, after, strict=True) if a != b)
    at = f"/fields/{_names(new).index(first)}"
    what = f"order of fields, from `{first}` on"
    if match_rule(new) == "exact":
        yield breaking(at, what, "fieldsMatch is exact, so the columns have to stand in order")
    else:
        yield compatible(at, what, "columns are found by their names")


def _missing_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """The change of the schema's own `missingValues`, for the fields that have none of theirs."""
    before, after = missing_values_of(old, {}), missing_values_of(new, {})
    if set(before) == set(after):
        return
    heirs = [
        (field, other)
        for name, (_, field) in _by_name(old).items()
        if name in _by_name(new)
        and "missingValues" not in field
        and "missingValues" not in (other := _by_name(new)[name][1])
    ]
    yield missing_change("/missingValues", "missingValues", before, after, heirs)


def _common_fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    former = _by_name(old)
    single = _key(old)[0] if len(_key(old)) == 1 else None
    for name, (position, field) in _by_name(new).items():
        if name not in former:
            continue
        was = former[name][1]
        at = f"/fields/{position}"
        if "missingValues" in was or "missingValues" in field:
            before, after = missing_values_of(old, was), missing_values_of(new, field)
            if set(before) != set(after):
                what = f"missingValues of `{name}`"
                yield missing_change(f"{at}/missingValues", what, before, after, [(was, field)])
        yield from field_changes(FieldPair(name, at, was, field, is_key=name == single))


def _key(schema: dict[str, Any]) -> list[str]:
    key = schema.get("primaryKey") or []
    return [key] if isinstance(key, str) else list(key)


def _required(schema: dict[str, Any]) -> set[str]:
    """The fields that every row has a value of."""
    fields = schema.get("fields") or []
    return {f["name"] for f in fields if (f.get("constraints") or {}).get("required")}


def _key_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before, after = _key(old), _key(new)
    if set(before) != set(after):
        what = f"primaryKey: {shown(_listed(before))} → {shown(_listed(after))}"
        if not after:
            yield compatible("/primaryKey", what, "rows need no key any more")
        elif before and set(before) <= set(after) and _required(old) >= set(after) - set(before):
            reason = "rows that differ in the old key differ in the new one, and none lacks it"
            yield compatible("/primaryKey", what, reason)
        else:
            yield breaking("/primaryKey", what, "delivered rows may lack or repeat the new key")
    yield from _unique_keys_changes(old, new)


def _unique_keys_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    before = [_set(key) for key in old.get("uniqueKeys") or []]
    after = [_set(key) for key in new.get("uniqueKeys") or []]
    for position, key in enumerate(after):
        if key not in before:
            what = f"uniqueKeys: {shown(_listed(sorted(key)))} added"
            yield breaking(f"/uniqueKeys/{position}", what, "delivered rows may repeat it")
    for position, key in enumerate(before):
        if key not in after:
            what = f"uniqueKeys: {shown(_listed(sorted(key)))} removed"
            yield compatible(f"/uniqueKeys/{position}", what, "rows may repeat it from now on")


def _set(key: object) -> frozenset[str]:
    return frozenset([key] if isinstance(key, str) else key)  # type: ignore[call-overload, no-any-return]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _told_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """Properties of the schema that describe and do not judge."""
    for name in sorted((set(old) | set(new)) - DESCRIBED_APART):
        if old.get(name) != new.get(name):
            yield compatible(f"/{name}", f"{name} changed", "it describes, and judges nothing")
    if old.get("foreignKeys") != new.get("foreignKeys"):
        yield breaking("/foreignKeys", "foreignKeys changed", "delivered rows may not keep them")
