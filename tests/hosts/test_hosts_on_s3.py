"""Hosts that share a bucket, each with a cache of its own."""

import os
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import select, text
from tests.support.api import CSV, assert_problem
from tests.support.hosts import Hosts
from tests.support.postgres import Postgres
from tests.support.raw import read_answer
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix
from tests.support.tus import Tus, checksum, compete
from tests.support.wait import wait_until

from entrepot.db.tables import derivatives, uploads, versions


@pytest.fixture
def hosts(postgres: Postgres, seaweedfs: SeaweedFS) -> Iterator[Hosts]:
    """`front` answers requests, `all` does that and works."""
    made = Hosts(postgres.new_database())
    store = f"s3://{BUCKET}/{new_prefix()}"
    with environment(seaweedfs.environment):
        for name, role in (("front", "api"), ("all", "all")):
            made.add(name, role, shared=False, store=store)
        try:
            made.start("front", "all")
            made.servers["all"].wait_ready()
            yield made
        finally:
            made.close()


def copies(hosts: Hosts, name: str) -> set[str]:
    cache = hosts.servers[name].data / "cache"
    return {*os.listdir(cache / "files"), *os.listdir(cache / "incoming")}


def blobs_of(hosts: Hosts, file_id: str) -> set[str]:
    """The bytes of a file with one version, as delivered and as Parquet."""
    mine = versions.c.file_id == UUID(file_id)
    query = select(versions.c.id, derivatives.c.blob_id).join(derivatives).where(mine)
    with hosts.engine.connect() as conn:
        return {str(each) for row in conn.execute(query) for each in row}


def test_copies_of_what_is_purged_go_on_every_host(hosts: Hosts) -> None:
    front, other = hosts.servers["front"], hosts.servers["all"]
    account = other.new_account()
    here, there = front.api(account.api_key), account.api
    kept, first, second = (account.api.deliver(CSV * n)["file_id"] for n in (1, 2, 3))
    other.wait_derived()
    for file_id in (kept, first, second):
        here.json(f"/file/{file_id}/preview")
        there.json(f"/file/{file_id}/preview")
    expected = blobs_of(hosts, kept)
    for name in ("front", "all"):
        assert len(copies(hosts, name) - expected) >= 2, "a copy of each that will be purged"
    body = {"reason": "Another customer's prices", "purge": True}
    for file_id, api in ((first, here), (second, there)):
        path = f"/file/{file_id}/versions/1/withdraw"
        assert api.post(path, json=body).status_code == 200
    for name in ("front", "all"):
        wait_until(lambda name=name: copies(hosts, name) <= expected, "copies of the purged go")
        assert copies(hosts, name), "the others stay"
    front.assert_sound()


def test_of_two_hosts_that_get_different_bytes_one_takes_them(hosts: Hosts) -> None:
    account = hosts.servers["all"].new_account()
    compete(account.api, hosts.servers["front"].api(account.api_key))
    hosts.servers["front"].assert_sound()


def test_a_conflict_between_hosts_does_not_end_an_upload(hosts: Hosts) -> None:
    """A newer request brings other bytes to another host, while this one waits for the last."""
    account = hosts.servers["all"].new_account()
    upload = Tus.begin(hosts.servers["front"].api(account.api_key), len(CSV))
    assert upload.patch(CSV[:5], 0).status_code == 204
    rest = upload.stalled(CSV, 5, 3, **checksum(CSV[5:]))
    upload_id = upload.address.rpartition("/")[2]
    unproven = select(uploads.c.unproven).where(text(f"id = '{upload_id}'"))

    def has_begun() -> bool:
        with hosts.engine.connect() as conn:
            return conn.scalar(unproven) == 5

    wait_until(has_begun, "the request has the upload")
    assert Tus(account.api, upload.address).patch(CSV[5:10], 5).status_code == 204
    assert_problem(read_answer(rest), 423, "upload-busy")
    rest.close()
    assert account.api.wait_task(upload.end(CSV))["status"] == "succeeded"
