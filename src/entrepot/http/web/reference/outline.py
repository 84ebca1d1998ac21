"""The OpenAPI document as a page shows it: sections of operations, each with its inputs."""

from dataclasses import dataclass
from typing import Any

from entrepot.http.problems.handlers import MEDIA_TYPE as PROBLEM

METHODS = ("options", "get", "head", "post", "put", "patch", "delete")
"""HEAD is left out: it is GET without the body."""


@dataclass(frozen=True)
class Input:
    """One parameter, form field or member of a JSON body."""

    name: str
    place: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True)
class Answer:
    """One status: `kind` is success or problem, `names` its schemas and media types, or codes."""

    status: str
    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class OperationView:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    note: str
    body: str
    inputs: tuple[Input, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Section:
    """The operations of one tag."""

    name: str
    operations: tuple[OperationView, ...]


def outline(document: dict[str, Any]) -> list[Section]:
    """The sections of an OpenAPI 3.1 document, in its own order."""
    sections: dict[str, list[OperationView]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                described = operations[method]
                tag = (described.get("tags") or ["other"])[0]
                operation = _operation(document, path, method, described)
                sections.setdefault(tag, []).append(operation)
    return [Section(name, tuple(views)) for name, views in sections.items()]


def _operation(
    document: dict[str, Any], path: str, method: str, described: dict[str, Any]
) -> OperationView:
    body_type, body = _body(document, described)
    return OperationView(
        anchor=f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        method=method.upper(),
        path=path,
        summary=described["summary"],
        note=" ".join(described.get("description", "").split()),
        body=body_type,
        inputs=tuple(_parameters(described)) + body,
        answers=tuple(_answers(document, described)),
    )


def _parameters(described: dict[str, Any]) -> list[Input]:
    return [
        _input(
            each["name"],
            each["in"],
            each.get("required", False),
            {"description": each.get("description", "")} | each.get("schema", {}),
        )
        for each in described.get("parameters", [])
        if each["in"] != "cookie"
    ]


def _body(document: dict[str, Any], described: dict[str, Any]) -> tuple[str, tuple[Input, ...]]:
    """The body's media type and its members."""
    content = described.get("requestBody", {}).get("content", {})
    for media_type, offered in content.items():
        schema = _referred(document, offered.get("schema", {}))
        required = schema.get("required", [])
        place = "form" if media_type == "multipart/form-data" else "body"
        members = schema.get("properties", {}).items()
        return media_type, tuple(_input(n, place, n in required, s) for n, s in members)
    return "", ()


def _answers(document: dict[str, Any], described: dict[str, Any]) -> list[Answer]:
    """Every status: what a success has, and the codes of a problem."""
    answers = []
    for status, response in described["responses"].items():
        resolved = _referred(document, response)
        content = resolved.get("content", {})
        if PROBLEM in content:
            names = _names(content[PROBLEM]["schema"])
            codes = [document["components"]["schemas"][name] for name in names]
            values = tuple(each["properties"]["code"]["const"] for each in codes)
            answers.append(Answer(status, "problem", values))
        elif status < "400" or content:
            kinds = [_content_kind(media_type, each) for media_type, each in content.items()]
            answers.append(Answer(status, "success", tuple(kinds)))
    return answers


def _content_kind(media_type: str, offered: dict[str, Any]) -> str:
    names = _names(offered.get("schema", {}))
    return names[0] if names else media_type


def _names(schema: dict[str, Any]) -> list[str]:
    """The components that a schema is, or is one of."""
    refs = [each["$ref"] for each in (schema, *schema.get("oneOf", [])) if "$ref" in each]
    return [ref.rpartition("/")[2] for ref in refs]


def _input(name: str, place: str, required: bool, schema: dict[str, Any]) -> Input:
    return Input(name, place, _kind(schema), required, _note(schema))


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(str(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of: {_kind(schema.get('items', {}))}"
    named = {"binary": "file", "uuid": "id", "date-time": "time"}
    return str(named.get(schema.get("format", ""), schema.get("type", "any")))


def _note(schema: dict[str, Any]) -> str:
    """Bounds, default and description."""
    bounds: dict[str, Any] = {}
    for each in (schema, *schema.get("anyOf", [])):
        bounds.update(each)
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "maxLength": "characters at most:",
        "minItems": "entries at least:",
        "default": "default:",
    }
    texts = [
        f"{word} {_plain(bounds[key])}"
        for key, word in words.items()
        if bounds.get(key) not in (None, "", [])
    ]
    bounded = ", ".join(texts)
    if bounded:
        bounded = f"{bounded[0].upper()}{bounded[1:]}."
    return " ".join(part for part in (bounded, schema.get("description", "")) if part)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"


def _referred(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """A node, or the component that it refers to."""
    if "$ref" not in node:
        return node
    _, kind, name = node["$ref"].removeprefix("#/").split("/")
    component: dict[str, Any] = document["components"][kind][name]
    return component
