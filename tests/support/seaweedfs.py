"""A real S3-compatible store for the tests: SeaweedFS, from its wheel, on loopback alone."""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError, ClientError
from tests.support.ports import free_port

from entrepot.blobs.cache import BlobCache
from entrepot.blobs.disk_identity import format_id
from entrepot.blobs.disk_sync import ID_FILE
from entrepot.blobs.s3 import S3Store
from entrepot.blobs.s3_client import Bucket, _session, open_bucket

START_SECONDS = 60.0
BUCKET = "entrepot-tests"
CREDENTIALS = {"accessKey": "tests", "secretKey": "the-secret-of-the-tests"}
PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)


@dataclass(frozen=True)
class SeaweedFS:
    """A running store, and the variables by which a client finds it."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return s3_environment(self.endpoint)


def s3_environment(endpoint: str) -> dict[str, str]:
    """The standard variables of an S3 client; nothing else of the machine's counts."""
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": CREDENTIALS["accessKey"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["secretKey"],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def new_prefix() -> str:
    return f"test-{uuid4().hex}"


def open_test_bucket(prefix: str) -> Bucket:
    """The bucket, by the environment that a fixture set."""
    return open_bucket(BUCKET, prefix)


def open_s3_store(folder: Path, prefix: str, cache_bytes: int = 1 << 30) -> S3Store:
    """A store that has an installation's id, as a start gives it one."""
    bucket = open_test_bucket(prefix)
    bucket.put(bucket.prefix + ID_FILE, format_id(UUID(int=7)))
    return S3Store(bucket, BlobCache(folder / "cache", cache_bytes, 0))


def list_multipart_uploads(address: str) -> list[str]:
    """The keys of the uploads that a store, by its address, has begun and not ended."""
    name, _, prefix = address.removeprefix("s3://").partition("/")
    answer = open_bucket(name, prefix).client.list_multipart_uploads(Bucket=name, Prefix=prefix)
    return [upload["Key"] for upload in answer.get("Uploads", ())]


@contextmanager
def running_seaweedfs() -> Iterator[SeaweedFS]:
    """Run it for the block, with the bucket of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    identity = {
        "name": "tests",
        "credentials": [CREDENTIALS],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() for name in PORTS}
    command = [
        str(Path(sysconfig.get_path("scripts"), "weed")),
        *("server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
        *("-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-s3.iam=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *("-master.volumeSizeLimitMB=256", "-volume.max=40"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            server = SeaweedFS(ports["s3.port"])
            with environment(server.environment):
                make_bucket(process, folder / "log")
            yield server
        finally:
            process.kill()  # it takes its time to end, and nothing of it is kept
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def make_bucket(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Make the bucket as soon as the store writes; it says little of when that is."""
    deadline = time.monotonic() + START_SECONDS
    client = open_test_bucket("").client
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)
        else:
            return


@contextmanager
def without_conditions() -> Iterator[None]:
    """Have the store take every object, as one does that ignores `If-None-Match`, for the block."""
    name = "before-call.s3.PutObject"

    def drop(params: dict[str, Any], **_: object) -> None:
        params["headers"].pop("If-None-Match", None)

    _session().register(name, drop)
    try:
        yield
    finally:
        _session().unregister(name, drop)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of this process for the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
