"""A JSON document as the text that it is stored as, which few places parse.

A tenant's document may have a megabyte, and parsing that holds Python's one lock for tens of
milliseconds. So the columns for such documents give and take texts (`db.types.StoredJson`), answers
contain the texts as they are, and what needs the values parses them outside the event loop and the
database threads.
"""

import json
from typing import Any


class JsonText(str):
    """JSON that this program wrote, with `to_json_text`."""

    __slots__ = ()


def to_json_text(value: Any) -> JsonText:
    """A value as JSON in ASCII."""
    return JsonText(json.dumps(value))


def render_json(value: Any) -> str:
    """A value as JSON, in which each `JsonText` is the document that it is.

    Raises ValueError for what JSON cannot have.
    """
    if isinstance(value, JsonText):
        return str(value)
    if isinstance(value, dict):
        members = (f"{_dumps(str(name))}:{render_json(each)}" for name, each in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(render_json, value)) + "]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
