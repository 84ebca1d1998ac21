"""Compare real answers with what `/openapi.json` promises, more strictly than clients do.

A client must bear members that it does not know. Here each object that lists its members has those
alone, so that no member is forgotten in the document.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from fastapi import FastAPI

from entrepot.bootstrap.parts import build_parts
from entrepot.bootstrap.secret import create_secret
from entrepot.cli.data_folder import make_data_folder
from entrepot.http.app import create_app
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.settings import read_settings

JSON = re.compile(r"application/([a-z.-]+\+)?json$")


@dataclass(frozen=True)
class DocumentedOperation:
    """One method of one path: `pattern` matches its addresses."""

    method: str
    path: str
    pattern: re.Pattern[str]
    described: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.described["operationId"])


class Description:
    """An OpenAPI document, ready to be compared with answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.components = deepcopy(document["components"])
        for schema in self.components["schemas"].values():
            close(schema)
        self.operations = list(_operations(document))
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def operation(self, method: str, path: str) -> DocumentedOperation | None:
        """The operation that an address is of; fixed paths come before those with parameters."""
        result = [
            each
            for each in self.operations
            if each.method == method.lower() and each.pattern.fullmatch(path)
        ]
        return min(result, key=lambda each: each.path.count("{")) if result else None

    def faults(
        self, operation: DocumentedOperation, status: int, headers: dict[str, str], body: bytes
    ) -> Iterator[str]:
        """What an answer has that its operation does not declare, or lacks."""
        declared = self._resolved(operation.described["responses"].get(str(status)))
        if declared is None:
            yield f"{operation.id} does not declare {status}: {body[:300]!r}"
            return
        for name, header in declared.get("headers", {}).items():
            yield from self._header_faults(f"{operation.id} {status}", name, header, headers)
        content = declared.get("content", {})
        if operation.method == "head" or not (content or body):
            return
        media_type = headers.get("content-type", "").partition(";")[0]
        chosen = content.get(media_type, content.get("*/*"))
        if chosen is None:
            yield f"{operation.id} {status} does not declare {media_type!r}"
        elif JSON.fullmatch(media_type) and chosen["schema"].get("format") != "binary":
            for error in self._validator(chosen["schema"]).iter_errors(json.loads(body)):
                yield f"{operation.id} {status} at {list(error.instance_path)}: {error.message}"

    def _header_faults(
        self, where: str, name: str, header: dict[str, Any], headers: dict[str, str]
    ) -> Iterator[str]:
        header = self._resolved(header) or {}
        value = headers.get(name.lower())
        if value is None:
            if header.get("required"):
                yield f"{where} lacks the header {name}"
            return
        if not self._validator(header["schema"]).is_valid(value):
            yield f"{where}: the header {name} is {value!r}"

    def _resolved(self, node: dict[str, Any] | None) -> dict[str, Any] | None:
        if node is None or "$ref" not in node:
            return node
        _, kind, name = node["$ref"].removeprefix("#/").split("/")
        result: dict[str, Any] = self.components[kind][name]
        return result

    def _validator(self, schema: dict[str, Any]) -> jsonschema_rs.Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            whole = {**close(deepcopy(schema)), "components": self.components}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return self._validators[key]


def close(schema: Any) -> Any:
    """Let no object have other members than those that it lists, unless it says so."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            close(each)
    elif isinstance(schema, list):
        for each in schema:
            close(each)
    return schema


def _operations(document: dict[str, Any]) -> Iterator[DocumentedOperation]:
    for path, methods in document["paths"].items():
        # The only parameter that may have slashes, which OpenAPI has no word for.
        any_path = re.escape(path).replace(r"\{address\}", ".+")
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", any_path))
        for method, described in methods.items():
            yield DocumentedOperation(method, path, pattern, described)


@contextmanager
def unserved_app() -> Iterator[FastAPI]:
    """The application with default settings, to look at its routes and its description."""
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(data=Path(folder) / "data")
        make_data_folder(settings.data)
        create_secret(settings)
        parts = build_parts(settings)
        app, _ = create_app(parts, ProcessMetrics())
        parts.close()
        yield app


@cache
def description() -> Description:
    """That of this version of the server."""
    with unserved_app() as app:
        return Description(app.openapi())


def assert_conforms(method: str, path: str, answer: Any) -> None:
    """Compare an answer of the API with the description, if it is of an operation."""
    described = description()
    operation = described.operation(method, path)
    if operation is None:
        return
    headers = {name.lower(): value for name, value in answer.headers.items()}
    faults = list(described.faults(operation, answer.status_code, headers, answer.content))
    assert faults == [], faults
