"""The form field `enforce_schema`: nothing, infer and freeze, or a given schema."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn

from entrepot.errors import SchemaInvalid
from entrepot.schemas.patterns import (
    MAX_SCHEMA_PATTERN_CHARS,
    MAX_SCHEMA_PATTERNS,
    MAX_SCHEMA_PROGRAM_SIZE,
    check_pattern,
)
from entrepot.schemas.table_schema import parse_schema, to_document
from entrepot.schemas.values import ImpreciseNumber
from entrepot.texts.json_text import JsonText, to_json_text

MAX_SCHEMA_BYTES = 1 << 20
"""A schema with 10,000 fields of usual names and types has some 400 kB."""
MAX_JSON_DEPTH = 64
"""Levels of nested objects and arrays."""

# An unclosed string matches up to the end, since otherwise each of its quotes starts a new search.
BRACKET_PATTERN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True)
class Enforcement:
    """How deliveries of a file are checked; `schema`, a sound document in its normal form, is set
    if and only if mode is "given"."""

    mode: Literal["none", "infer", "given"]
    schema: JsonText | None = None


def parse_enforcement(text: str | None) -> Enforcement:
    """Parse the field: absent or blank, true or false in any case, or JSON.

    Raises SchemaInvalid for anything else, for JSON over 1 MiB or deeper than 64 levels, and for an
    invalid Table Schema.
    """
    if text is None or not text.strip():
        return Enforcement("none")
    word = text.strip().lower()
    if word in ("true", "false"):
        return Enforcement("infer" if word == "true" else "none")
    if word.isalpha():
        raise SchemaInvalid("", "it must be true, false or a Table Schema as JSON")
    return Enforcement("given", parse_schema_text(text))


def parse_schema_text(text: str) -> JsonText:
    """A Table Schema as a sound document in its normal form. Raises SchemaInvalid."""
    return to_json_text(sound_document(load_document(text)))


def sound_document(document: object) -> dict[str, Any]:
    """A Table Schema that a request states, in its normal form. Raises SchemaInvalid.

    Only here are the patterns of a schema bounded together: schemas of earlier releases, which may
    have more of them, still bind.
    """
    schema = parse_schema(document)
    count = characters = program_size = 0
    for position, field in enumerate(schema.fields):
        pattern = field.constraints.pattern
        if pattern is None:
            continue
        count, characters = count + 1, characters + len(pattern)
        if count <= MAX_SCHEMA_PATTERNS and characters <= MAX_SCHEMA_PATTERN_CHARS:
            program_size += check_pattern(pattern)
            if program_size <= MAX_SCHEMA_PROGRAM_SIZE:
                continue
        reason = (
            f"a schema may have at most {MAX_SCHEMA_PATTERNS:,} patterns with "
            f"{MAX_SCHEMA_PATTERN_CHARS:,} characters together, whose repetitions make no more "
            f"than some {MAX_SCHEMA_PROGRAM_SIZE:,} steps"
        )
        raise SchemaInvalid(f"/fields/{position}/constraints/pattern", reason)
    return to_document(schema)


def load_document(text: str) -> Any:
    """Parse JSON strictly: limited size and depth, no duplicate keys, no NaN. Raises
    SchemaInvalid."""
    if (
        len(text) > MAX_SCHEMA_BYTES
        or len(text.encode("utf-8", "surrogatepass")) > MAX_SCHEMA_BYTES
    ):
        raise SchemaInvalid("", f"the schema may have at most {MAX_SCHEMA_BYTES:,} bytes")
    _check_depth(text)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_build_object,
            parse_constant=_reject_constant,
            parse_float=_parse_number,
        )
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SchemaInvalid("", "it holds half a surrogate pair, which is not text") from None
    except RecursionError:
        raise SchemaInvalid("", "it is nested too deeply to be read") from None
    except json.JSONDecodeError as error:
        raise SchemaInvalid("", _describe_json_error(error)) from None
    except ValueError:  # Python's own limit
        raise SchemaInvalid("", "it has a number of too many digits") from None
    return document


def _describe_json_error(error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is not JSON, and where."""
    expected = {
        "Expecting value": "a value, such as an object, is expected",
        "Expecting property name enclosed in double quotes": "a name in double quotes is expected",
        "Expecting ',' delimiter": "a comma is expected",
        "Expecting ':' delimiter": "a colon is expected",
        "Extra data": "the JSON has ended, but more text follows",
    }.get(error.msg, error.msg[0].lower() + error.msg[1:].removesuffix(" at"))
    return f"it is not valid JSON: line {error.lineno}, column {error.colno}: {expected}"


def _check_depth(text: str) -> None:
    depth = 0
    for match in BRACKET_PATTERN.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise SchemaInvalid("", f"the JSON is deeper than {MAX_JSON_DEPTH} levels")
        elif bracket in "]}":
            depth -= 1


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        duplicate = next(name for name, count in counts.items() if count > 1)
        raise SchemaInvalid("", f"the key {duplicate!r} stands twice in one object"[:200])
    return document


def _parse_number(text: str) -> float:
    number = float(text)
    try:
        is_exact = Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        is_exact = False
    return number if is_exact else ImpreciseNumber(number)


def _reject_constant(name: str) -> NoReturn:
    raise SchemaInvalid("", f"{name} is not JSON")
