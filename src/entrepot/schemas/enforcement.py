"""What the form field `enforce_schema` means: nothing, infer and freeze, or a schema given."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn

from entrepot.errors import SchemaInvalid
from entrepot.schemas.model import TableSchema
from entrepot.schemas.table_schema import parse_schema
from entrepot.schemas.values import Imprecise

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

# A string that never closes matches up to the end: else each of its quotes starts a new search.
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True)
class Enforcement:
    """How deliveries of a file are judged; `schema` is set if and only if mode is "given"."""

    mode: Literal["none", "infer", "given"]
    schema: TableSchema | None = None


def parse_enforcement(text: str | None) -> Enforcement:
    """Read the field as it was sent: absent or blank, true or false in any case, or JSON.

    Raises SchemaInvalid for anything else, for JSON over 1 MiB or deeper than 64 levels, and
    for a document that is no sound Table Schema.
    """
    if text is None or not text.strip():
        return Enforcement("none")
    word = text.strip().lower()
    if word in ("true", "false"):
        return Enforcement("infer" if word == "true" else "none")
    return Enforcement("given", parse_schema(load_document(text)))


def load_document(text: str) -> Any:
    """Parse JSON strictly: bounded size and depth, no duplicate keys, no NaN. SchemaInvalid."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SchemaInvalid("", f"the schema may have at most {MAX_BYTES:,} bytes")
    _check_depth(text)
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_number
        )
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SchemaInvalid("", "it holds half a surrogate pair, which is no text") from None
    except (ValueError, RecursionError) as error:
        reason = f"neither true, false nor JSON: {error}"
        raise SchemaInvalid("", reason[:300]) from None
    return document


def _check_depth(text: str) -> None:
    depth = 0
    for match in BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise SchemaInvalid("", f"the JSON is deeper than {MAX_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaInvalid("", f"the key {twice!r} stands twice in one object"[:200])
    return document


def _number(text: str) -> float:
    number = float(text)
    try:
        same = Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        same = False
    return number if same else Imprecise(number)


def _refuse_constant(name: str) -> NoReturn:
    raise SchemaInvalid("", f"{name} is not JSON")
