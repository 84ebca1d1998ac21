"""The OpenAPI document of the API, and requests that are generated from it.

The client of the tests compares every answer of the suite with the document, too
(`tests/support/conformance.py`).
"""

import re
from collections import Counter
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.api import PROBLEM
from tests.support.conformance import Description, unserved_app
from tests.support.selection import examples
from tests.support.server import Server, TestAccount
from tests.support.wait import PATIENCE, wait_until

from entrepot.http.api.openapi.document import api_routes
from entrepot.http.problems.table import TASK_KINDS, all_kinds
from entrepot.http.problems.task_table import DELIVERY_CODES

# Bytes are bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

MOST_EXAMPLES = 60
"""Generated requests for each operation, with `--long`."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
VERBS = {
    "accept", "append", "cancel", "change", "check", "compare", "create", "decide", "decline",
    "delete", "describe", "download", "end", "follow", "get", "grant", "list", "offer",
    "preview", "restore", "revoke", "undelete", "undo", "upload", "validate", "withdraw",
}  # fmt: skip


@pytest.fixture(scope="module")
def small_account(server: Server) -> TestAccount:
    """An account with a small quota; the generated requests use its admin's key."""
    return server.new_account(quota=1_000_000)


@pytest.fixture
def document(server: Server) -> dict[str, Any]:
    result: dict[str, Any] = server.api(None).get("/openapi.json").json()
    return result


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def resolved(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    name = response.get("$ref", "").removeprefix("#/components/responses/")
    result: dict[str, Any] = document["components"]["responses"][name] if name else response
    return result


def test_the_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Entrepot"
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations(document):
        assert operation["summary"].endswith("."), (method, path)
        assert "\n" not in operation["summary"], (method, path)
        assert set(operation["tags"]) <= tags, (method, path)
        named = re.findall(r"{(\w+)}", path)
        declared = [each for each in operation.get("parameters", []) if each["in"] == "path"]
        assert [each["name"] for each in declared] == named, (method, path)


def test_operation_ids_are_unique_and_readable(document: dict[str, Any]) -> None:
    ids = Counter(operation["operationId"] for _, _, operation in operations(document))
    assert [name for name, count in ids.items() if count > 1] == []
    for name in ids:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name), name
        assert name.partition("_")[0] in VERBS, name
    assert {"list_files", "upload_file", "get_task", "follow_task", "download_file"} <= set(ids)


def test_every_success_has_a_schema(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        successes = {
            status: response
            for status, response in operation["responses"].items()
            if int(status) < 400
        }
        assert successes, (method, path)
        for status, response in successes.items():
            assert response["description"], (method, path, status)
            if method == "head" or status in ("204", "304", "307"):
                assert "content" not in response, (method, path, status)
            elif path != "/api/v1/uploads":  # its answer is its headers
                contents = response["content"].values()
                assert all(each["schema"] for each in contents), (method, path, status)


def test_every_problem_has_a_schema(document: dict[str, Any]) -> None:
    """Each operation declares its problems, by codes of the table; none leaves it at a default."""
    used: set[str] = set()
    for path, method, operation in operations(document):
        assert "default" not in operation["responses"]
        needs_key = path.startswith(("/api/", "/d/")) and method != "options"
        assert ("security" in operation) == needs_key
        may_need_password = path.startswith("/l/")
        assert ("401" in operation["responses"]) == (needs_key or may_need_password)
        for status, each in operation["responses"].items():
            response = resolved(document, each)
            if int(status) < 400 or method == "head" or (path == "/readyz" and status == "503"):
                continue
            schema = response["content"][PROBLEM]["schema"]
            refs = [one["$ref"] for one in schema.get("oneOf", [schema])]
            for ref in refs:
                problem = document["components"]["schemas"][ref.rpartition("/")[2]]
                code = problem["properties"]["code"]["const"]
                assert all_kinds()[code].status == int(status), (path, status, code)
                used.add(code)
    never = {"sign-in-failed", "too-many-bodies", "quota-too-small"}
    never |= {"method-not-allowed", "unavailable"} | (set(TASK_KINDS) - set(DELIVERY_CODES))
    assert used == set(all_kinds()) - never


def test_the_description_tells_of_keys_and_figures(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/api/v1/files"]["post"]["security"] == [{"key": ["write"]}]
    too_large = schemas["FileTooLargeProblem"]
    assert too_large["properties"]["limit"] == {"type": "integer"}
    assert {"limit", "requested", "code", "status"} <= set(too_large["required"])


def test_no_component_is_left_over(document: dict[str, Any]) -> None:
    text = str(document)
    left = [name for name in document["components"]["schemas"] if f"/{name}'" not in text]
    assert left == []


@pytest.mark.parametrize(
    "server", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
)
def test_generated_requests_are_answered_as_declared(
    server: Server, small_account: TestAccount, document: dict[str, Any]
) -> None:
    """No answer is a 5xx or undeclared, and no quota stays reserved afterwards."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = server.endpoint
    described = Description(document)
    settings = hypothesis.settings(
        max_examples=examples(MOST_EXAMPLES),
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if not operation.path.endswith("/events"):  # streams; they have tests of their own
            tried += try_out(operation, described, small_account, settings)
    assert tried > 4 * examples(MOST_EXAMPLES)
    wait_until(lambda: not small_account.api.account()["reserved"], "nothing is reserved")
    server.wait_derived()
    assert [r for r in server.doctor() if "quotas" in r.name] == []


def try_out(
    operation: Any,
    described: Description,
    small_account: TestAccount,
    settings: hypothesis.settings,
) -> int:
    """Send requests generated for one operation and compare each answer; how many were sent."""
    promised = described.operation(operation.method, operation.path)
    assert promised is not None
    tried = 0

    @settings
    @hypothesis.given(case=operation.as_strategy())
    def attempt(case: Case[Any]) -> None:
        nonlocal tried
        tried += 1
        answer = case.call(headers=small_account.api.authorization, timeout=PATIENCE)
        assert answer.status_code < 500, answer.text
        sent = {name: values[0] for name, values in answer.headers.items()}
        faults = described.faults(promised, answer.status_code, sent, answer.content)
        assert list(faults) == [], answer.text
        case.validate_response(answer, checks=CHECKS)

    attempt()
    return tried


def test_no_start_builds_the_schema_of_an_answer() -> None:
    """Only the document needs them, and all of them took a twentieth of a start: the type of an
    answer has the mark `answer` (`http/api/models/values.py`)."""
    with unserved_app() as app:
        fields = [
            field
            for route in api_routes(app)
            for field in (route.response_field, *route.response_fields.values())
            if field is not None
        ]
        types = [field.field_info.annotation for field in fields]
    unmarked = [each for each in types if not _config(each).get("defer_build")]
    assert len(types) > 60
    assert unmarked == []


def _config(answer_type: Any) -> dict[str, Any]:
    return getattr(answer_type, "__pydantic_config__", {})
