"""`/metrics` as Prometheus reads it: from every process of a server, and from its database."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.api import CSV, PLAIN, assert_problem
from tests.support.ports import free_port
from tests.support.server import Server, make_server
from tests.support.wait import wait_until

from entrepot.blobs.disk import DiskStore
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.counting_store import count_failures
from entrepot.bootstrap.parts import build_parts
from entrepot.bootstrap.secret import create_secret
from entrepot.cli.metrics import InstallationCollector
from entrepot.errors import BlobMissing, StorageFull
from entrepot.settings import read_settings

Serve = Callable[..., Server]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def scrape(server: Server) -> Samples:
    """Every sample by its name and labels."""
    url = f"http://127.0.0.1:{server.overrides['metrics_port']}/metrics"
    answer = httpx2.get(url, trust_env=False, verify=PLAIN)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    expected = set(labels.items())
    return sum(
        value for (each, having), value in samples.items() if each == name and expected <= {*having}
    )


@pytest.fixture(scope="module")
def watched() -> Iterator[Server]:
    made = make_server(metrics_port=free_port(), metrics_by_account="true")
    try:
        yield made.start()
    finally:
        made.close()


def process_of(server: Server, role: str) -> psutil.Process:
    (process,) = server.processes(role)
    return process


def test_a_delivery_is_seen_in_every_process(watched: Server) -> None:
    account = watched.new_account(quota=5_000_000)
    file_id = account.api.deliver(CSV * 1000)["file_id"]
    assert account.api.get(f"/file/download/{file_id}").content == CSV * 1000
    watched.wait_derived()
    watched.api(None).get("/files")

    def counted() -> bool:
        # What is counted at the end of an answer or of a run comes after the client has seen it.
        now = scrape(watched)
        route = "/api/v1/file/download/{file_id}"
        return (
            total(now, "entrepot_http_requests_total", route=route, method="GET", status="200") == 1
            and total(now, "entrepot_http_requests_total", route="none", status="401") == 1
            and total(now, "entrepot_runs_total", kind="inspect.version", outcome="ended") == 1
        )

    wait_until(counted, lambda: str(scrape(watched)))
    now = scrape(watched)
    assert total(now, "entrepot_http_requests_total", route="/api/v1/file/new", status="202") == 1
    assert total(now, "entrepot_http_received_bytes_total", surface="api") > len(CSV) * 1000
    assert total(now, "entrepot_http_sent_bytes_total", surface="api") > len(CSV) * 1000
    assert total(now, "entrepot_queue_wait_seconds_count", kind="inspect.version") == 1
    assert total(now, "entrepot_run_seconds_count", kind="inspect.version") == 1
    assert total(now, "entrepot_workers") == total(now, "entrepot_database_up") == 1
    assert total(now, "entrepot_database_bytes") > 100_000
    assert total(now, "entrepot_account_bytes", account=account.name, part="quota") == 5_000_000
    used = total(now, "entrepot_account_bytes", account=account.name, part="used")
    assert used == account.api.account()["used"]


def test_every_metric_is_documented(watched: Server) -> None:
    watched.new_account().api.deliver(CSV)
    documented = REFERENCE.read_text()
    for name, _ in scrape(watched):
        base = name
        for suffix in ("_bucket", "_sum", "_count", "_created"):
            base = base.removesuffix(suffix)
        assert f"`{base}`" in documented, name


def test_the_queue_is_seen_while_nobody_works(watched: Server) -> None:
    account = watched.new_account()
    with watched.suspended_workers():
        for _ in range(3):
            assert account.api.upload(CSV).status_code == 202
        now = scrape(watched)
        entries = total(now, "entrepot_queue_entries", kind="inspect.version", state="waiting")
        assert entries == 3
        first = total(now, "entrepot_queue_oldest_seconds", state="waiting")
        wait_until(
            lambda: (
                total(scrape(watched), "entrepot_queue_oldest_seconds", state="waiting") > first
            ),
            "the oldest gets older",
        )


def test_a_process_that_dies_loses_no_counts(watched: Server) -> None:
    account = watched.new_account()
    name, route = "entrepot_http_requests_total", "/api/v1/senders"  # asked for by no other test

    def counted() -> float:
        return total(scrape(watched), name, route=route)

    for _ in range(5):
        account.api.get("/senders")
    wait_until(lambda: counted() == 5, "they are counted")
    process_of(watched, "api").kill()
    watched.wait_ready()
    account.api.get("/senders")
    wait_until(lambda: counted() == 6, "it counts again")
    assert len(list(watched.settings.metrics_folder.glob("*.db"))) == 4


def test_only_the_listener_of_its_own_answers(serve: Serve, watched: Server) -> None:
    for api_key in (None, watched.new_account().api_key):
        answer = httpx2.get(
            f"{watched.endpoint}/metrics",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            trust_env=False,
            verify=PLAIN,
        )
        assert answer.status_code == 404
        assert "entrepot_" not in answer.text
    quiet = serve()
    assert quiet.processes("metrics") == []
    assert not quiet.settings.metrics_folder.exists()


def test_a_full_store_is_seen(watched: Server) -> None:
    account = watched.new_account()
    watched.stop()
    watched.overrides["disk_reserve"] = 2**62
    watched.start()
    assert_problem(account.api.upload(CSV), 507, "storage-full")
    now = scrape(watched)
    assert total(now, "entrepot_disk_reserve_bytes", place="store") == 2**62
    assert total(now, "entrepot_http_requests_total", status="507") == 1


def test_what_a_store_raises_is_counted(tmp_path: Path) -> None:
    counted: list[tuple[str, str]] = []
    store = count_failures(
        DiskStore(tmp_path, reserve=0),
        lambda name, error: counted.append((name, type(error).__name__)),
    )
    blob_id = BlobId(uuid4())
    with pytest.raises(BlobMissing):
        store.read(blob_id)
    writer = store.create(blob_id)
    writer.write(b"bytes")
    assert writer.commit().size == 5
    assert b"".join(store.read(blob_id)) == b"bytes"
    with pytest.raises(FileExistsError):
        store.create(blob_id)
    assert [stat.blob_id for stat in store.list()] == [blob_id]
    draft = store.drafts.append(uuid4())
    draft.write(b"more")
    assert draft.sync() == 4
    draft.close()
    assert counted == [("read", "BlobMissing")]
    full = count_failures(
        DiskStore(tmp_path, 2**62), lambda name, error: counted.append((name, type(error).__name__))
    )
    with pytest.raises(StorageFull):
        full.create(BlobId(uuid4()))
    with pytest.raises(StorageFull):
        full.drafts.append(uuid4()).write(b"x")
    assert len(counted) == 3


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    gone = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    settings = read_settings(data=tmp_path, database=gone, metrics_port=0)
    create_secret(settings)
    parts = build_parts(settings)
    families = {family.name: family.samples for family in InstallationCollector(parts).collect()}
    assert [sample.value for sample in families["entrepot_database_up"]] == [0]
    assert "entrepot_sandbox_layer" in families
    assert "entrepot_queue_entries" not in families


SHARE = """
import json, pathlib, resource, signal, sys
from entrepot.metrics.shared_files import prepare_folder, share_metrics
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = pathlib.Path(sys.argv[1])
prepare_folder(folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
shared = share_metrics(folder, "api-0")
from entrepot.metrics.process_metrics import ProcessMetrics
ProcessMetrics().count_requests("GET", "/", 200, [0.1], 1, 1)
print(json.dumps(shared))
"""


@pytest.mark.parametrize(("most_bytes", "shared"), [(4096, False), (1 << 30, True)])
def test_without_space_a_process_counts_in_memory(
    tmp_path: Path, most_bytes: int, shared: bool
) -> None:
    """A mapped file with holes would kill it when the disk is full."""
    done = subprocess.run(
        [sys.executable, "-c", SHARE, str(tmp_path / "metrics"), str(most_bytes)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) is shared
