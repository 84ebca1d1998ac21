"""The page of a rejected delivery once a later one is published, whatever way that came."""

from collections.abc import Callable

import pytest
from tests.e2e.conftest import Browse, post_sign_in
from tests.support.api import CSV, Api
from tests.support.links import make_link
from tests.support.server import TestAccount
from tests.support.sharing import post_version
from tests.support.tus import STREAM, metadata

from entrepot_client import Client

BROKEN = b"id,amount\nx,2\n"


def by_form(api: Api, file_id: str, account: str) -> str:
    return str(post_version(api, file_id).json()["task_id"])


def by_correction(api: Api, file_id: str, account: str) -> str:
    newest = api.json(f"/file/{file_id}/versions")["versions_list"][0]["version"]
    files, data = {"file": ("x.csv", CSV)}, {"replaces": str(newest)}
    answer = api.post(f"/file/{file_id}/versions", files=files, data=data)
    return str(answer.json()["task_id"])


def by_id(api: Api, file_id: str, account: str) -> str:
    return str(api.request("PUT", f"/file/{file_id}", content=CSV).json()["task_id"])


def by_path(api: Api, file_id: str, account: str) -> str:
    return str(api.request("PUT", f"/d/{account}/orders", content=CSV).json()["task_id"])


def by_link(api: Api, file_id: str, account: str) -> str:
    path = make_link(api, file_id, "deliver")["path"]
    return str(api.request("PUT", path, content=CSV).json()["task_id"])


def by_tus(api: Api, file_id: str, account: str) -> str:
    about = {
        "Upload-Length": str(len(CSV)),
        "Upload-Metadata": metadata(filename="x.csv", file_id=file_id),
    }
    return str(
        api.post("/uploads", headers=STREAM | about, content=CSV).headers["entrepot-task-id"]
    )


def by_program(api: Api, file_id: str, account: str) -> str:
    with Client(api.endpoint, api.api_key) as client:
        return client.push(CSV, name="x.csv", to=file_id).task_id


WAYS: tuple[Callable[[Api, str, str], str], ...] = (
    *(by_form, by_correction, by_id, by_path, by_link, by_tus, by_program),
)


@pytest.mark.both_databases
def test_every_later_delivery_that_is_published_replaces_the_advice(
    browse: Browse, someone: TestAccount
) -> None:
    api, client = someone.api, browse()
    assert post_sign_in(client, someone).status_code == 303
    file_id = api.deliver(CSV, enforce_schema="true")["file_id"]
    assert api.request("PATCH", f"/file/{file_id}", json={"path": "orders"}).status_code == 200
    version = 1
    for deliver in WAYS:
        rejected = api.wait_task(post_version(api, file_id, BROKEN).json()["task_id"])
        assert rejected["progress"]["done"] == rejected["progress"]["total"] == len(BROKEN)
        page = client.get(f"/tasks/{rejected['task_id']}").text
        assert "Then deliver the whole file again" in page
        version += 2
        assert api.wait_task(deliver(api, file_id, someone.name))["version"] == version
        page = client.get(f"/tasks/{rejected['task_id']}").text
        assert "Then deliver the whole file again" not in page
        text = "A later delivery was published:"
        if deliver is by_correction:
            text = "Corrected by"
        link = f'<a href="/files/{file_id}#versions">version {version}</a>'
        assert f"{text} {link}" in page, deliver


@pytest.mark.both_databases
def test_a_restored_version_does_not_settle_a_rejected_delivery(
    browse: Browse, someone: TestAccount
) -> None:
    api, client = someone.api, browse()
    assert post_sign_in(client, someone).status_code == 303
    file_id = api.deliver(CSV, enforce_schema="true")["file_id"]
    api.wait_task(post_version(api, file_id, CSV + b"5,6\n").json()["task_id"])
    rejected = api.wait_task(post_version(api, file_id, BROKEN).json()["task_id"])
    restored = api.post(f"/file/{file_id}/versions/1/restore").json()
    assert api.wait_task(restored["task_id"])["version"] == 4
    page = client.get(f"/tasks/{rejected['task_id']}").text
    assert "Then deliver the whole file again" in page


@pytest.mark.both_databases
def test_a_guest_sees_that_a_later_delivery_by_the_link_was_published(
    browse: Browse, someone: TestAccount
) -> None:
    api, client = someone.api, browse()
    file_id = api.deliver(CSV, enforce_schema="true")["file_id"]
    path = make_link(api, file_id, "deliver")["path"].rstrip("/")
    rejected = api.request("PUT", path, content=BROKEN).json()["task_id"]
    api.wait_task(rejected)
    assert "Correct the errors above" in client.get(f"{path}/deliveries/{rejected}").text
    api.wait_task(post_version(api, file_id).json()["task_id"])
    assert "Correct the errors above" in client.get(f"{path}/deliveries/{rejected}").text
    api.wait_task(api.request("PUT", path, content=CSV).json()["task_id"])
    page = client.get(f"{path}/deliveries/{rejected}").text
    assert "Correct the errors above" not in page
    assert "A later delivery by this link was published." in page
