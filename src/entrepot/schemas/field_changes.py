"""The changes between two versions of one field: type, format, properties, constraints.

A type is wider only if every value of the old type is a value of the new one *and means the same*:
every integer is a number, but a text with digits in it cannot be summed any more.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from entrepot.schemas.changes import Change, breaking_change, compatible_change, format_value
from entrepot.schemas.possible_values import can_be_value

WIDER_TYPES: dict[tuple[str, str], str] = {
    ("integer", "number"): "every integer is a number",
    ("year", "integer"): "every year is an integer",
    ("year", "number"): "every year is a number",
    ("geojson", "object"): "every GeoJSON object is an object",
}
NUMERIC_TYPES = frozenset({"integer", "number", "year"})
MAX_EXACT_DOUBLE = 2**53
"""Above it, a bound on integers and the same bound on numbers may differ in effect."""

DEFAULTS: dict[str, Any] = {
    "format": "default",
    "decimalChar": ".",
    "groupChar": "",
    "bareNumber": True,
    "entrepot:affix": None,
    "entrepot:grouping": None,
    "entrepot:leadingZeros": True,
    "entrepot:finite": False,
    "entrepot:timeZone": None,
    "entrepot:storedType": False,
    "entrepot:notEmpty": False,
    "trueValues": ["true", "True", "TRUE", "1"],
    "falseValues": ["false", "False", "FALSE", "0"],
    "delimiter": ",",
    "itemType": "string",
}
LOWER_BOUNDS, UPPER_BOUNDS = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
BREAKING_REASONS = {
    "format": "values in the old format may be none in the new one",
    "bareNumber": "cells such as `NaN` or `5 %` would be judged otherwise",
    "trueValues": "a spelling is no longer understood",
    "falseValues": "a spelling is no longer understood",
    "entrepot:affix": "cells with other text around the number are rejected",
    "entrepot:grouping": "delivered numbers may have other groups of digits",
    "entrepot:leadingZeros": "delivered numbers may begin with zeros",
    "entrepot:finite": "delivered numbers may be NaN or infinite",
    "entrepot:storedType": "delivered workbooks may have texts in this column",
    "entrepot:timeZone": "delivered values may have a time zone or none",
    "entrepot:notEmpty": "a delivered column may be empty",
}
"""Why a change of a property is breaking; others have a reason in common."""
COMPARED_PROPERTIES = frozenset(
    {"name", "type", "constraints", "missingValues", "categories", *DEFAULTS}
)


@dataclass(frozen=True)
class FieldPair:
    """A field before and after. `pointer` is its JSON pointer. `is_key`: it was the whole primary
    key, so it was required and unique already."""

    name: str
    pointer: str
    old: dict[str, Any]
    new: dict[str, Any]
    is_key: bool = False

    def values(self, name: str) -> tuple[Any, Any]:
        """A property before and after, with its default if it is absent."""
        default = DEFAULTS[name]
        return self.old.get(name, default), self.new.get(name, default)

    @property
    def types(self) -> tuple[str, str]:
        """The type before and after."""
        return self.old.get("type", "string"), self.new.get("type", "string")


def field_changes(pair: FieldPair) -> Iterator[Change]:
    """Every change of one field except its missing values."""
    before, after = pair.types
    widened = before == after or (before, after) in WIDER_TYPES
    if before != after:
        what = f"`{pair.name}`: {before} → {after}"
        if widened:
            yield compatible_change(f"{pair.pointer}/type", what, WIDER_TYPES[before, after])
        else:
            yield breaking_change(
                f"{pair.pointer}/type", what, _type_breaking_reason(before, after)
            )
    if widened:
        yield from _property_changes(pair)
    yield from _constraint_changes(pair, widened)
    yield from _category_changes(pair)
    for name in sorted((set(pair.old) | set(pair.new)) - COMPARED_PROPERTIES):
        if pair.old.get(name) != pair.new.get(name):
            what = f"`{pair.name}`: {name} changed"
            yield compatible_change(
                f"{pair.pointer}/{name}", what, "it describes, and judges nothing"
            )


def _type_breaking_reason(before: str, after: str) -> str:
    if after == "any":
        return "data stays valid, but readers are promised no type any more"
    if after == "string":
        return f"data stays valid, but readers lose the order and meaning of a {before}"
    return f"not every {before} is a value of type {after}"


def missing_values_of(schema: dict[str, Any], field: dict[str, Any]) -> tuple[str, ...]:
    """The texts that mean "no value": the field's own, else the schema's."""
    values = field.get("missingValues", schema.get("missingValues", [""]))
    return tuple(each["value"] if isinstance(each, dict) else each for each in values)


def missing_values_change(
    pointer: str,
    what: str,
    before: Sequence[str],
    after: Sequence[str],
    fields: Sequence[tuple[dict[str, Any], dict[str, Any]]],
) -> Change:
    """The change of missing values of `fields` (before and after)."""
    removed = [text for text in before if text not in after]
    added = [text for text in after if text not in before]
    parts = [
        f"{name} {_format_texts(some)}"
        for name, some in (("added", added), ("removed", removed))
        if some
    ]
    what = f"{what}: {', '.join(parts)}"
    if removed and fields:
        return breaking_change(
            pointer, what, f"cells with {_format_texts(removed)} were not values and are judged now"
        )
    for text in added:
        for old, _ in fields:
            if can_be_value(text, old):
                reason = f"{_format_texts([text])} was a value of `{old['name']}` and would be none"
                return breaking_change(pointer, what, reason)
    return compatible_change(pointer, what, "no cell that was a value becomes missing")


def _format_texts(texts: Sequence[str]) -> str:
    return ", ".join(
        f"`{format_value(text, 30)}`" if text else "the empty cell" for text in texts[:5]
    )


def _property_changes(pair: FieldPair) -> Iterator[Change]:
    for name in DEFAULTS:
        before, after = pair.values(name)
        if before == after or (name.endswith("Values") and set(before) == set(after)):
            continue
        what = f"`{pair.name}`: {name} {_format_property(before)} → {_format_property(after)}"
        reason = _property_widening_reason(pair, name, before, after)
        if reason:
            yield compatible_change(f"{pair.pointer}/{name}", what, reason)
        else:
            yield breaking_change(f"{pair.pointer}/{name}", what, _property_breaking_reason(name))


def _format_property(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    in_json = isinstance(value, list | dict)
    return format_value(json.dumps(value, ensure_ascii=False) if in_json else f"`{value}`")


def _property_widening_reason(pair: FieldPair, name: str, before: Any, after: Any) -> str | None:
    """Why every value stays valid and means the same under the new property; None if it may not."""
    is_whole_number = pair.types[0] in ("integer", "year")
    is_superset = isinstance(before, list) and set(before) <= set(after)
    reasons = {
        "format": (
            pair.types == ("string", "string") and after == "default",
            "every text is welcome",
        ),
        "groupChar": (before == "" and _is_separator(after), "numbers without it stay numbers"),
        "decimalChar": (is_whole_number and _is_separator(after), "whole numbers have none"),
        "bareNumber": (
            not after and "number" not in pair.types,
            "numbers without anything around them stay numbers",
        ),
        "entrepot:affix": (after is None, "numbers with the affix stay numbers"),
        "entrepot:grouping": (
            after is None or not pair.old.get("groupChar"),
            "numbers in these groups stay numbers" if after is None else "no number had groups",
        ),
        "entrepot:leadingZeros": (after is True, "numbers without leading zeros stay numbers"),
        "entrepot:finite": (
            not after or pair.types[0] != "number",
            "NaN and infinities are allowed" if not after else "every integer is finite",
        ),
        "entrepot:storedType": (not after, "texts in the form of the type are values too"),
        "entrepot:timeZone": (after is None, "values with and without a time zone are allowed"),
        "entrepot:notEmpty": (
            not after or _has_values(pair),
            "an empty column is allowed" if not after else "every row had a value already",
        ),
        "trueValues": (is_superset, "further spellings are understood"),
        "falseValues": (is_superset, "further spellings are understood"),
        "itemType": ((before, after) == ("integer", "number"), WIDER_TYPES["integer", "number"]),
    }
    applies, reason = reasons.get(name, (False, ""))
    return reason if applies else None


def _has_values(pair: FieldPair) -> bool:
    return pair.is_key or bool(pair.old.get("constraints", {}).get("required"))


def _is_separator(char: Any) -> bool:
    """Whether a character can be removed from a number, or added to it, without changing its
    meaning."""
    return isinstance(char, str) and len(char) == 1 and not (char.isalnum() or char in "+-")


def _property_breaking_reason(name: str) -> str:
    return BREAKING_REASONS.get(name, "cells would be read otherwise")


def _constraint_changes(pair: FieldPair, widened: bool) -> Iterator[Change]:
    old = pair.old.get("constraints", {})
    new = pair.new.get("constraints", {})
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        if name in ("required", "unique"):
            before, after = bool(before), bool(after)
        same_meaning = not widened or pair.types[0] == pair.types[1] or isinstance(before, bool)
        if before == after and same_meaning:
            continue
        pointer = f"{pair.pointer}/constraints/{name}"
        what = f"`{pair.name}`: {name} {_format_constraint(before)} → {_format_constraint(after)}"
        if after is None or after is False:
            yield compatible_change(pointer, what, "the constraint is gone")
        elif name in ("required", "unique") and pair.is_key:
            yield compatible_change(pointer, what, "the primary key demanded it already")
        elif not widened:
            yield breaking_change(pointer, what, "delivered values of the old type may break it")
        elif name in LOWER_BOUNDS + UPPER_BOUNDS:
            yield from _bound_change(pair, name, pointer, what)
        else:
            yield from _constraint_change(pair, name, pointer, what)


def _format_constraint(value: Any) -> str:
    if value is None:
        return "none"
    return format_value(json.dumps(value, ensure_ascii=False))


def _bound_change(pair: FieldPair, name: str, pointer: str, what: str) -> Iterator[Change]:
    old, new = pair.old.get("constraints", {}), pair.new["constraints"]
    unchanged = old.get(name) == new[name]
    if _is_implied(pair, name, old, new[name]):
        if not unchanged:
            yield compatible_change(pointer, what, "no value that was within the bounds is outside")
    else:
        yield breaking_change(pointer, what, "delivered values may lie outside")


def _is_implied(pair: FieldPair, name: str, old: dict[str, Any], bound: Any) -> bool:
    """Whether the old bounds keep every value within the new one."""
    limit = _comparable_bound(bound, pair.new)
    if limit is None:
        return False
    if pair.types[0] != pair.types[1] and abs(limit) >= MAX_EXACT_DOUBLE:
        return False
    sign = 1 if name in LOWER_BOUNDS else -1
    for old_name in LOWER_BOUNDS if name in LOWER_BOUNDS else UPPER_BOUNDS:
        value = _comparable_bound(old.get(old_name), pair.old)
        if value is None:
            continue
        comparison = (value > limit) - (value < limit)
        # An equal bound implies the new one unless only the new one excludes its own value.
        is_stricter = name not in ("minimum", "maximum") and old_name in ("minimum", "maximum")
        if comparison * sign > 0 or (comparison == 0 and not is_stricter):
            return True
    return False


def _comparable_bound(value: Any, field: dict[str, Any]) -> Any:
    """A bound as a value with the order of its type; None if the order is not known here."""
    field_type, format_ = field.get("type", "string"), field.get("format", "default")
    parse = BOUND_PARSERS.get(field_type)
    if value is None or isinstance(value, bool) or parse is None or format_ != "default":
        return None
    try:
        return parse(value)
    except (ValueError, InvalidOperation, TypeError):
        return None


def _parse_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_number(value: Any) -> Decimal:
    return Decimal(str(value))


BOUND_PARSERS: dict[str, Callable[[Any], Any]] = {
    "integer": _parse_number,
    "year": _parse_number,
    "number": float,
    "date": date.fromisoformat,
    "datetime": _parse_moment,
    "yearmonth": str,
}


def _constraint_change(pair: FieldPair, name: str, pointer: str, what: str) -> Iterator[Change]:
    before, after = pair.old.get("constraints", {}).get(name), pair.new["constraints"][name]
    if before == after and name != "enum":
        return
    match name:
        case "required":
            yield breaking_change(pointer, what, "deliveries so far may lack values")
        case "unique":
            yield breaking_change(pointer, what, "delivered values may repeat")
        case "minLength" | "maxLength" if before is not None:
            is_looser = after <= before if name == "minLength" else after >= before
            if is_looser:
                yield compatible_change(pointer, what, "every length that was allowed still is")
            else:
                yield breaking_change(pointer, what, "delivered values may be of another length")
        case "enum" if before is not None:
            yield from _list_change(pair, pointer, what, before, after)
        case "pattern" if before is not None:
            yield breaking_change(
                pointer, what, "whether the new one matches as much cannot be decided"
            )
        case _:
            yield breaking_change(pointer, what, "delivered values may break it")


def _list_change(
    pair: FieldPair, pointer: str, what: str, before: Sequence[Any], after: Sequence[Any]
) -> Iterator[Change]:
    """The change of an enum or of a list of categories: wider if no value was removed."""
    old_values = {_comparable_value(value, pair.old) for value in before}
    new_values = {_comparable_value(value, pair.new) for value in after}
    if old_values == new_values:
        return
    if old_values <= new_values:
        yield compatible_change(pointer, what, "every value that was allowed still is")
    else:
        removed = [
            value for value in before if _comparable_value(value, pair.old) not in new_values
        ]
        yield breaking_change(pointer, what, f"`{format_value(removed[0], 40)}` is allowed no more")


def _comparable_value(value: Any, field: dict[str, Any]) -> Any:
    """A form of a value in which equal values are equal: 1, "1" and 1.0 are one integer."""
    if field.get("type") == "boolean":
        true_values = field.get("trueValues", DEFAULTS["trueValues"])
        return value if isinstance(value, bool) else value in true_values
    if field.get("type") in NUMERIC_TYPES:
        return _comparable_bound(value, field | {"format": "default"})
    return json.dumps(value, ensure_ascii=False)


def _category_changes(pair: FieldPair) -> Iterator[Change]:
    before, after = _categories(pair.old), _categories(pair.new)
    if before == after:
        return
    pointer = f"{pair.pointer}/categories"
    what = f"`{pair.name}`: categories {_format_constraint(before)} → {_format_constraint(after)}"
    if after is None:
        yield compatible_change(pointer, what, "any value of the type is allowed")
    elif before is None:
        yield breaking_change(pointer, what, "delivered values may be in none of them")
    else:
        yield from _list_change(pair, pointer, what, before, after)


def _categories(field: dict[str, Any]) -> list[Any] | None:
    items = field.get("categories")
    if items is None:
        return None
    return [each["value"] if isinstance(each, dict) else each for each in items]
