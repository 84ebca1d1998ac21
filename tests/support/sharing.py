"""Ways to share a file in tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from tests.support.api import CSV, Api
from tests.support.server import Caller

OTHER = b"id,amount\n5,6\n"


def share(api: Api, file_id: str, user_name: str, what: str, **more: Any) -> None:
    """Entitle somebody to a file."""
    answer = entitle(api, file_id, user_name, what, **more)
    assert answer.status_code in (200, 201), answer.text


def entitle(api: Api, file_id: str, user_name: str, what: str, **more: Any) -> httpx2.Response:
    path = f"/file/{file_id}/entitlements/{user_name}"
    return api.request("PUT", path, json={"entitlement": what, **more})


def unshare(api: Api, file_id: str, user_name: str) -> None:
    answer = api.request("DELETE", f"/file/{file_id}/entitlements/{user_name}")
    assert answer.status_code == 204, answer.text


def in_a_while(**span: float) -> str:
    """A time to come, as the API takes it."""
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def deliver(caller: Caller | Api, file_id: str, content: bytes = OTHER, name: str = "x.csv") -> Any:
    """Deliver a version and wait for the task's end."""
    api = caller.api if isinstance(caller, Caller) else caller
    answer = post_version(api, file_id, content, name)
    assert answer.status_code == 202, answer.text
    return api.wait_task(answer.json()["task_id"])


def post_version(
    api: Api, file_id: str, content: bytes = CSV, name: str = "x.csv", **headers: str
) -> httpx2.Response:
    path = f"/file/{file_id}/versions"
    return api.post(path, files={"file": (name, content)}, headers=headers)


def listed(api: Api) -> dict[str, dict[str, Any]]:
    """The files that one sees, by id."""
    return {file["file_id"]: file for file in api.json("/files")["files_list"]}
