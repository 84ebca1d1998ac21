"""The API's description (OpenAPI 3.1), with what the framework does not know: keys and problems."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import TypeAdapter

from entrepot import errors
from entrepot.http.api.models.problems import Problem
from entrepot.http.api.openapi.answers import (
    CODES_KEY,
    HEADERS,
    RECEIVING,
    headers,
    problems,
    problems_of,
)
from entrepot.http.deps import RequireScope
from entrepot.http.parameters import MAX_BYTES
from entrepot.http.problems.handlers import MEDIA_TYPE as PROBLEM
from entrepot.http.problems.schemas import has_retry_after, problem_schemas, schema_name
from entrepot.http.problems.table import FRAMEWORK_KINDS, all_kinds
from entrepot.http.problems.task_table import ProblemKind

KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key: `epk_…`. An operation names the scope that the key needs.",
}
TAGS = {
    "files": "Define, deliver, read, change and delete files and their versions.",
    "resumable uploads": "Uploads that resume after a lost connection (tus 1.0.0).",
    "sharing": "Share files with other users and accounts, and transfer them.",
    "links": "Read or deliver with a link, without a key.",
    "activity": "The record of changes and reads.",
    "tasks": "Follow and cancel background work.",
    "people": "The users of the account.",
    "keys": "API keys.",
    "account": "The account and the caller.",
    "operations": "For load balancers and service managers.",
}
STATE_PATHS = ("/healthz", "/readyz")
"""What answers about the database instead of failing with it."""
FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def install_openapi(app: FastAPI) -> None:
    """Have `/openapi.json` tell of keys and problems; made once, at the first request for it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build_document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def api_routes(app: FastAPI) -> list[RouteContext]:
    """Every route of the API and the pages, as it is reached."""
    contexts = iter_route_contexts(app.routes)
    return [route for route in contexts if isinstance(route.original_route, APIRoute)]


def required_scope(route: RouteContext) -> str | None:
    """The scope that a route's key needs, `any` where any will do; None without a key."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, RequireScope):
            return dependency.call.scope or "any"
    return None


def _build_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in FRAMEWORK_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = TypeAdapter(Problem).json_schema(mode="serialization")
    components["headers"] = HEADERS
    components["securitySchemes"] = {"key": KEY_SCHEME}
    scopes = {
        (str(route.path).replace(":path}", "}"), method.lower()): required_scope(route)
        for route in api_routes(app)
        for method in route.methods or ()
    }
    shared = components.setdefault("responses", {})
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, method, scopes[path, method])
            _share_problems(operation["responses"], shared)
    text = json.dumps([document["paths"], shared])
    schemas |= {n: each for n, each in problem_schemas().items() if f'/schemas/{n}"' in text}
    _restore_bounds(document)
    return document


def _complete(operation: dict[str, Any], path: str, method: str, scope: str | None) -> None:
    """Add to an operation what holds for all of its kind."""
    summary, _, rest = operation.pop("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.split())
    if rest:
        operation["description"] = rest
    if scope is not None:
        operation["security"] = [{"key": [] if scope == "any" else [scope]}]
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    responses = operation["responses"]
    if CODES_KEY not in responses.get("422", {}):
        responses.pop("422", None)
    for status, response in _common_problems(operation, path, method, scope).items():
        declared = responses.setdefault(str(status), {"description": ""})
        declared[CODES_KEY] = sorted({*declared.get(CODES_KEY, ()), *response[CODES_KEY]})
    kinds = all_kinds()
    for response in responses.values():
        common_headers = headers("X-Request-Id", "RateLimit", "RateLimit-Policy")
        codes = response.pop(CODES_KEY, [])
        if codes:
            _describe_problems(response, [kinds[code] for code in codes], method)
        response["headers"] = response.get("headers", {}) | common_headers
    operation["responses"] = dict(sorted(responses.items()))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be left out, which no address can make null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**choices[0], **rest}


def _common_problems(
    operation: dict[str, Any], path: str, method: str, scope: str | None
) -> dict[int | str, Any]:
    """The problems that an operation may answer because of what it takes."""
    raised: list[type[errors.EntrepotError]] = [
        errors.RateLimited,
        errors.FieldInvalid,
        errors.ExpectationUnknown,
    ]
    if path not in STATE_PATHS:
        raised.append(errors.DatabaseUnavailable)
    if scope is not None:
        raised += (errors.NotAuthenticated, errors.AccountSuspended)
    if scope not in (None, "any"):
        raised.append(errors.ScopeMissing)
    if "{" in path and scope is not None:
        raised.append(errors.NotFound)
    if scope is not None and method == "get":
        raised += [errors.TooManyDownloads, errors.TooMuchUnread, errors.AnswerMemoryFull]
    if scope is not None and method not in ("get", "options"):
        raised += [errors.StorageFull, errors.QuotaExceeded]
    if "requestBody" in operation:
        raised += [*RECEIVING, errors.ContentEncodingUnsupported]
    responses = problems(*raised) | problems_of(FRAMEWORK_KINDS[500])
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        responses |= problems_of(FRAMEWORK_KINDS[400])  # of bytes that are not text
    return responses


def _describe_problems(response: dict[str, Any], kinds: list[ProblemKind], method: str) -> None:
    """Description, headers and content of a response that is a problem."""
    response["description"] = " ".join(f"{kind.title} (`{kind.code}`)." for kind in kinds)
    names: list[str] = []
    if any(kind.status == 401 for kind in kinds):
        names.append("WWW-Authenticate")
    if all(has_retry_after(kind) for kind in kinds):
        names.append("Retry-After")
    if any(kind.status == 416 for kind in kinds):
        names.append("Content-Range")
    response["headers"] = headers(*names)
    if method == "head":
        return  # an answer to HEAD has no body
    refs = {kind.code: f"#/components/schemas/{schema_name(kind.code)}" for kind in kinds}
    schema: dict[str, Any] = {"$ref": next(iter(refs.values()))}
    if len(refs) > 1:
        schema = {
            "oneOf": [{"$ref": ref} for ref in refs.values()],
            "discriminator": {"propertyName": "code", "mapping": refs},
        }
    response["content"] = {PROBLEM: {"schema": schema}}


def _share_problems(responses: dict[str, Any], shared: dict[str, Any]) -> None:
    """Name the problems of one code, which most operations have, instead of repeating them."""
    for status, response in responses.items():
        schema = response.get("content", {}).get(PROBLEM, {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and shared.setdefault(name, response) == response:
            responses[status] = {"$ref": f"#/components/responses/{name}"}


def _restore_bounds(node: Any) -> None:
    """Make integers of bounds, which the framework's model of OpenAPI turns into floats.

    The largest one would come out above what the column holds.
    """
    if isinstance(node, dict):
        for name, value in node.items():
            if name in BOUNDS and isinstance(value, float) and value.is_integer():
                node[name] = min(int(value), MAX_BYTES)
            else:
                _restore_bounds(value)
    elif isinstance(node, list):
        for each in node:
            _restore_bounds(each)
