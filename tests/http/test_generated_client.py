"""A client that a public generator makes from `/openapi.json` works, with typed results."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

# On SQLite alone: the client is made from the document, which is the same on both databases.
pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)

GENERATOR = Path(sys.executable).with_name("openapi-python-client")
NAME = "entrepot_generated"
CONFIG = {
    "post_hooks": [],  # no formatting
    "content_type_overrides": {"application/offset+octet-stream": "application/octet-stream"},
}


@pytest.fixture(scope="module")
def generated(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """The generated package: `client`, `models`, `types` and its functions by operation id."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(server.api(None).get("/openapi.json").content)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    done = subprocess.run(
        [
            GENERATOR,
            "generate",
            *("--path", folder / "openapi.json", "--config", folder / "config.json"),
            *("--output-path", folder / NAME, "--meta", "none", "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        result = {
            path.stem: importlib.import_module(f"{NAME}.api.{path.parent.name}.{path.stem}")
            for path in (folder / NAME / "api").glob("*/*.py")
            if path.stem != "__init__"
        }
        parts = ("client", "models", "types")
        modules = {part: importlib.import_module(f"{NAME}.{part}") for part in parts}
        yield SimpleNamespace(**result, **modules)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]


@pytest.fixture
def client(generated: SimpleNamespace, server: Server, account: TestAccount) -> Iterator[Any]:
    made = generated.client.AuthenticatedClient(
        base_url=server.endpoint, token=account.api_key, httpx_args={"trust_env": False}
    )
    with made as opened:
        yield opened


def test_every_operation_has_its_function(generated: SimpleNamespace, server: Server) -> None:
    document = server.api(None).get("/openapi.json").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            assert callable(getattr(generated, operation["operationId"]).sync_detailed)


def test_it_lists_uploads_follows_and_downloads(generated: SimpleNamespace, client: Any) -> None:
    models, types = generated.models, generated.types
    assert generated.list_files.sync(client=client) == models.FileList(files_list=[])

    sent = types.File(payload=BytesIO(CSV), file_name="orders.csv", mime_type="text/csv")
    body = models.UploadFileBody(file=sent, file_size_limit=1_000, file_description="Orders")
    accepted = generated.upload_file.sync(client=client, body=body)
    assert isinstance(accepted, models.TaskAccepted), accepted
    assert isinstance(accepted.task_id, UUID)

    task: Any = None

    def has_ended() -> bool:
        nonlocal task
        task = generated.get_task.sync(accepted.task_id, client=client)
        assert isinstance(task, models.TaskDetails)
        return task.status.value in ("succeeded", "failed", "canceled")

    wait_until(has_ended, lambda: f"its end: {task}")
    assert task.status is models.TaskDetailsStatus.SUCCEEDED
    assert task.progress.percent == 100.0
    events = generated.follow_task.sync(accepted.task_id, client=client)
    assert '"status":"succeeded"' in events

    [file] = generated.list_files.sync(client=client).files_list
    assert isinstance(file, models.FileSummary)
    assert (file.file_id, file.file_name, file.row_count) == (task.file_id, "orders.csv", 2)
    whole = generated.get_file.sync(file.file_id, client=client)
    assert isinstance(whole, models.FileDetails)
    report = generated.get_report.sync(file.file_id, client=client)
    assert isinstance(report, models.InspectionReport)
    assert report.tasks[0].stats.rows == 2
    got = generated.download_file.sync(file.file_id, client=client)
    assert isinstance(got, types.File)
    assert got.payload.read() == CSV


def test_its_problems_are_typed_with_their_figures(generated: SimpleNamespace, client: Any) -> None:
    models, types = generated.models, generated.types
    sent = types.File(payload=BytesIO(CSV), file_name="orders.csv")
    body = models.UploadFileBody(file=sent, file_size_limit=5)
    refused = generated.upload_file.sync(client=client, body=body)
    assert isinstance(refused, models.FileTooLargeProblem), refused
    assert (refused.status, refused.code, refused.limit) == (413, "file-too-large", 5)
    missing = generated.get_file.sync(UUID(int=0), client=client)
    assert isinstance(missing, models.NotFoundProblem)


def test_a_resumable_upload_is_sent_in_two_parts(generated: SimpleNamespace, client: Any) -> None:
    tus = {"tus_resumable": "1.0.0", "client": client}
    made = generated.create_upload.sync_detailed(
        **tus,
        upload_length=len(CSV),
        upload_metadata="filename b3JkZXJzLmNzdg==,file_size_limit OTk5",
        body=generated.types.UNSET,
    )
    assert made.status_code == 201, made
    upload_id = UUID(made.headers["location"].rpartition("/")[2])
    for start, part in ((0, CSV[:7]), (7, CSV[7:])):
        sent = generated.types.File(payload=BytesIO(part))
        done = generated.append_to_upload.sync_detailed(
            upload_id, **tus, upload_offset=start, body=sent
        )
        assert done.status_code == 204, done
    assert UUID(done.headers["entrepot-task-id"])
