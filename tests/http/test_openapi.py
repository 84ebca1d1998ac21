"""The API's own description, and what happens to requests made up from it."""

from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case
from schemathesis.core.result import Ok
from tests.support.api import PROBLEM
from tests.support.selection import examples
from tests.support.server import Server, TestAccount
from tests.support.wait import PATIENCE, wait_until

# Bytes are bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

EXAMPLES = examples(15)
"""Made-up requests for each operation."""


@pytest.fixture(scope="module")
def victim(server: Server) -> TestAccount:
    """An account with little quota, whose admin the made-up requests act as."""
    return server.new_account(quota=1_000_000)


def test_the_description_is_openapi_3_1(server: Server) -> None:
    document = server.api(None).get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Entrepot"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary") or operation.get("description"), (method, path)


def test_made_up_requests_are_answered_or_refused_in_order(
    server: Server, victim: TestAccount
) -> None:
    """No 5xx, every error a problem document, and the account whole afterwards."""
    schema = schemathesis.openapi.from_dict(server.api(None).get("/openapi.json").json())
    schema.config.base_url = server.endpoint
    headers = victim.api.authorization
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # streams; they have tests of their own

        @settings
        @hypothesis.given(case=operation.as_strategy())
        def attempt(case: Case[Any]) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(headers=headers, timeout=PATIENCE)
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400 and case.method.upper() != "HEAD":
                assert answer.headers["content-type"] == [PROBLEM], answer.headers
                document = answer.json()
                assert document["status"] == answer.status_code
                assert {"type", "title", "detail", "code", "request_id"} <= set(document)

        attempt()
    assert tried > 10 * EXAMPLES
    wait_until(lambda: not victim.api.account()["reserved"], "nothing is reserved")
    server.wait_derived()
    assert [r for r in server.doctor() if "quotas" in r.name] == []


def test_the_description_tells_of_keys_and_problems(server: Server) -> None:
    document = server.api(None).get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert PROBLEM in operation["responses"]["default"]["content"]
            needs_key = path.startswith("/api/") and method != "options"
            assert ("security" in operation) == needs_key
