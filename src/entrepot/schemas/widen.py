"""What changes from one field to the next: type, format, properties, constraints.

A type is wider only if every value of the old one is a value of the new one *and means the same*:
every integer is a number, but a text that happens to hold digits can no longer be added up.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from entrepot.schemas.changes import Change, breaking, compatible, shown

WIDER: dict[tuple[str, str], str] = {
    ("integer", "number"): "every integer is a number",
    ("year", "integer"): "every year is an integer",
    ("year", "number"): "every year is a number",
    ("geojson", "object"): "every GeoJSON object is an object",
}
NUMBERS = frozenset({"integer", "number", "year"})
EXACT_DOUBLE = 2**53
"""Beyond it a bound on integers and the same bound on numbers may judge differently."""

DEFAULTS: dict[str, Any] = {
    "format": "default",
    "decimalChar": ".",
    "groupChar": "",
    "bareNumber": True,
    "trueValues": ["true", "True", "TRUE", "1"],
    "falseValues": ["false", "False", "FALSE", "0"],
    "delimiter": ",",
    "itemType": "string",
}
LOWER, UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
JUDGING = frozenset({"name", "type", "constraints", "missingValues", "categories", *DEFAULTS})


@dataclass(frozen=True)
class FieldPair:
    """A field before and after. `at` is its JSON pointer; `is_key`: it was the whole primary key,
    and so is required and unique already."""

    name: str
    at: str
    old: dict[str, Any]
    new: dict[str, Any]
    is_key: bool = False

    def values(self, name: str) -> tuple[Any, Any]:
        """A property before and after, its default where it is absent."""
        default = DEFAULTS[name]
        return self.old.get(name, default), self.new.get(name, default)

    @property
    def types(self) -> tuple[str, str]:
        """The type before and after."""
        return self.old.get("type", "string"), self.new.get("type", "string")


def field_changes(pair: FieldPair) -> Iterator[Change]:
    """Every change of one field but that of its missing values."""
    before, after = pair.types
    widened = before == after or (before, after) in WIDER
    if before != after:
        what = f"`{pair.name}`: {before} → {after}"
        if widened:
            yield compatible(f"{pair.at}/type", what, WIDER[before, after])
        else:
            yield breaking(f"{pair.at}/type", what, _why_not_wider(before, after))
    if widened:
        yield from _property_changes(pair)
    yield from _constraint_changes(pair, widened)
    yield from _category_changes(pair)
    for name in sorted((set(pair.old) | set(pair.new)) - JUDGING):
        if pair.old.get(name) != pair.new.get(name):
            what = f"`{pair.name}`: {name} changed"
            yield compatible(f"{pair.at}/{name}", what, "it describes, and judges nothing")


def _why_not_wider(before: str, after: str) -> str:
    if after == "any":
        return "data stays valid, but readers are promised no type any more"
    if after == "string":
        return f"data stays valid, but readers lose the order and meaning of a {before}"
    return f"not every {before} is a value of type {after}"


def missing_values_of(schema: dict[str, Any], field: dict[str, Any]) -> tuple[str, ...]:
    """The texts that mean "no value", a field's own or else the schema's."""
    given = field.get("missingValues", schema.get("missingValues", [""]))
    return tuple(each["value"] if isinstance(each, dict) else each for each in given)


def missing_change(
    at: str,
    what: str,
    before: Sequence[str],
    after: Sequence[str],
    fields: Sequence[tuple[dict[str, Any], dict[str, Any]]],
) -> Change:
    """The change of missing values of `fields` (before and after)."""
    gone = [text for text in before if text not in after]
    come = [text for text in after if text not in before]
    parts = [
        f"{name} {_texts(some)}" for name, some in (("added", come), ("removed", gone)) if some
    ]
    what = f"{what}: {', '.join(parts)}"
    if gone and fields:
        return breaking(at, what, f"cells with {_texts(gone)} were no values and are judged now")
    for text in come:
        for old, _ in fields:
            if can_be_value(text, old):
                reason = f"{_texts([text])} was a value of `{old['name']}` and would be none"
                return breaking(at, what, reason)
    return compatible(at, what, "no cell that was a value becomes missing")


def _texts(texts: Sequence[str]) -> str:
    return ", ".join(f"`{shown(text, 30)}`" if text else "the empty cell" for text in texts[:5])


def can_be_value(text: str, field: dict[str, Any]) -> bool:
    """Whether a cell with this text may be a value of the field; True where it cannot be told."""
    digits = any(char.isdigit() for char in text)
    kind = field.get("type", "string")
    match kind:
        case "integer" | "year" | "yearmonth":
            return digits
        case "number":
            return digits or any(word in text.lower() for word in ("nan", "inf"))
        case "date" | "time" | "datetime" if field.get("format", "default") == "default":
            return digits
        case "boolean":
            sides = ("trueValues", "falseValues")
            return any(text in field.get(side, DEFAULTS[side]) for side in sides)
        case _:
            return True


def _property_changes(pair: FieldPair) -> Iterator[Change]:
    for name in DEFAULTS:
        before, after = pair.values(name)
        if before == after or (name.endswith("Values") and set(before) == set(after)):
            continue
        what = f"`{pair.name}`: {name} {shown(_said(before))} → {shown(_said(after))}"
        why_fine = _why_wider_property(pair, name, before, after)
        if why_fine:
            yield compatible(f"{pair.at}/{name}", what, why_fine)
        else:
            yield breaking(f"{pair.at}/{name}", what, _why_not_property(name))


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else f"`{value}`"


def _why_wider_property(pair: FieldPair, name: str, before: Any, after: Any) -> str | None:
    """Why every value stays one and means the same under the new property; None if it may not."""
    whole = pair.types[0] in ("integer", "year")
    more = isinstance(before, list) and set(before) <= set(after)
    reasons = {
        "format": (
            pair.types == ("string", "string") and after == "default",
            "every text is welcome",
        ),
        "groupChar": (before == "" and _is_mark(after), "numbers without it stay numbers"),
        "decimalChar": (whole and _is_mark(after), "whole numbers have none"),
        "bareNumber": (
            not after and "number" not in pair.types,
            "numbers without anything around them stay numbers",
        ),
        "trueValues": (more, "further spellings are understood"),
        "falseValues": (more, "further spellings are understood"),
        "itemType": ((before, after) == ("integer", "number"), WIDER["integer", "number"]),
    }
    fine, reason = reasons.get(name, (False, ""))
    return reason if fine else None


def _is_mark(char: Any) -> bool:
    """Whether a character may be taken out of a number, or stand in it, and hurt nothing."""
    return isinstance(char, str) and len(char) == 1 and not (char.isalnum() or char in "+-")


def _why_not_property(name: str) -> str:
    match name:
        case "format":
            return "values in the old format may be none in the new one"
        case "bareNumber":
            return "cells such as `NaN` or `5 %` would be judged otherwise"
        case "trueValues" | "falseValues":
            return "a spelling is no longer understood"
        case _:
            return "cells would be read otherwise"


def _constraint_changes(pair: FieldPair, widened: bool) -> Iterator[Change]:
    old = pair.old.get("constraints", {})
    new = pair.new.get("constraints", {})
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        if name in ("required", "unique"):
            before, after = bool(before), bool(after)
        unmoved = not widened or pair.types[0] == pair.types[1] or isinstance(before, bool)
        if before == after and unmoved:
            continue
        at = f"{pair.at}/constraints/{name}"
        what = f"`{pair.name}`: {name} {_shown(before)} → {_shown(after)}"
        if after is None or after is False:
            yield compatible(at, what, "the constraint is gone")
        elif name in ("required", "unique") and pair.is_key:
            yield compatible(at, what, "the primary key demanded it already")
        elif not widened:
            yield breaking(at, what, "delivered values of the old type may break it")
        elif name in LOWER + UPPER:
            yield from _bound_change(pair, name, at, what)
        else:
            yield from _rule_change(pair, name, at, what)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return shown(json.dumps(value, ensure_ascii=False))


def _bound_change(pair: FieldPair, name: str, at: str, what: str) -> Iterator[Change]:
    old, new = pair.old.get("constraints", {}), pair.new["constraints"]
    same = old.get(name) == new[name]
    if _implied(pair, name, old, new[name]):
        if not same:
            yield compatible(at, what, "no value that was within the bounds is outside")
    else:
        yield breaking(at, what, "delivered values may lie outside")


def _implied(pair: FieldPair, name: str, old: dict[str, Any], bound: Any) -> bool:
    """Whether the old bounds keep every value within the new one."""
    limit = _comparable(bound, pair.new)
    if limit is None:
        return False
    if pair.types[0] != pair.types[1] and abs(limit) >= EXACT_DOUBLE:
        return False
    sign = 1 if name in LOWER else -1
    for held in LOWER if name in LOWER else UPPER:
        value = _comparable(old.get(held), pair.old)
        if value is None:
            continue
        ahead = (value > limit) - (value < limit)
        # As far inside: enough unless the new bound excludes itself and the old one does not.
        touching = name not in ("minimum", "maximum") and held in ("minimum", "maximum")
        if ahead * sign > 0 or (ahead == 0 and not touching):
            return True
    return False


def _comparable(value: Any, field: dict[str, Any]) -> Any:
    """A bound as a value that has its type's order; None where the order is not known here."""
    kind, form = field.get("type", "string"), field.get("format", "default")
    order = ORDERS.get(kind)
    if value is None or isinstance(value, bool) or order is None or form != "default":
        return None
    try:
        return order(value)
    except (ValueError, InvalidOperation, TypeError):
        return None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(value: Any) -> Decimal:
    return Decimal(str(value))


ORDERS: dict[str, Callable[[Any], Any]] = {
    "integer": _whole,
    "year": _whole,
    "number": float,
    "date": date.fromisoformat,
    "datetime": _moment,
    "yearmonth": str,
}


def _rule_change(pair: FieldPair, name: str, at: str, what: str) -> Iterator[Change]:
    before, after = pair.old.get("constraints", {}).get(name), pair.new["constraints"][name]
    if before == after and name != "enum":
        return
    match name:
        case "required":
            yield breaking(at, what, "deliveries so far may lack values")
        case "unique":
            yield breaking(at, what, "delivered values may repeat")
        case "minLength" | "maxLength" if before is not None:
            looser = after <= before if name == "minLength" else after >= before
            if looser:
                yield compatible(at, what, "every length that was allowed still is")
            else:
                yield breaking(at, what, "delivered values may be of another length")
        case "enum" if before is not None:
            yield from _list_change(pair, at, what, before, after)
        case "pattern" if before is not None:
            yield breaking(at, what, "it cannot be told whether the new one matches as much")
        case _:
            yield breaking(at, what, "delivered values may break it")


def _list_change(
    pair: FieldPair, at: str, what: str, before: Sequence[Any], after: Sequence[Any]
) -> Iterator[Change]:
    """An enum or a list of categories: wider if nothing left it."""
    left = {_identity(value, pair.old) for value in before}
    right = {_identity(value, pair.new) for value in after}
    if left == right:
        return
    if left <= right:
        yield compatible(at, what, "every value that was allowed still is")
    else:
        gone = [value for value in before if _identity(value, pair.old) not in right]
        yield breaking(at, what, f"`{shown(gone[0], 40)}` is allowed no more")


def _identity(value: Any, field: dict[str, Any]) -> Any:
    """What makes two listed values the same: 1, "1" and 1.0 are one integer."""
    if field.get("type") == "boolean":
        true = field.get("trueValues", DEFAULTS["trueValues"])
        return value if isinstance(value, bool) else value in true
    if field.get("type") in NUMBERS:
        return _comparable(value, field | {"format": "default"})
    return json.dumps(value, ensure_ascii=False)


def _category_changes(pair: FieldPair) -> Iterator[Change]:
    before, after = _categories(pair.old), _categories(pair.new)
    if before == after:
        return
    at = f"{pair.at}/categories"
    what = f"`{pair.name}`: categories {_shown(before)} → {_shown(after)}"
    if after is None:
        yield compatible(at, what, "any value of the type is allowed")
    elif before is None:
        yield breaking(at, what, "delivered values may be in none of them")
    else:
        yield from _list_change(pair, at, what, before, after)


def _categories(field: dict[str, Any]) -> list[Any] | None:
    listed = field.get("categories")
    if listed is None:
        return None
    return [each["value"] if isinstance(each, dict) else each for each in listed]
