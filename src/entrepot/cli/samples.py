"""The demo's account, user, key and two sample files, with the ids and times of the API's
published examples, so that `GET /api/v1/files` answers as they show. One more delivery breaks the
contract of the second file, so that a report of a rejection can be looked at.
"""

import contextlib
import random
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import SCOPES, Actor
from entrepot.accounts.keys import authenticate, create_key
from entrepot.accounts.links import create_link
from entrepot.accounts.users import create_user, find_user
from entrepot.blobs.disk_sync import write_durably
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.parts import Parts
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NameTaken, NotAuthenticated
from entrepot.files.delivery.define import Definition, define_file
from entrepot.files.delivery.deliver import deliver_version
from entrepot.files.delivery.uploads import StoredUpload
from entrepot.files.versions import UNDECIDED_STATUSES
from entrepot.grants.access import access_deliverable
from entrepot.quotas.reserve import grow_reservation, open_reservation
from entrepot.schemas.enforcement import Enforcement

USER = "demo:account"
SAMPLES = (
    (
        UUID("53c9c295-83f4-4754-a781-cd03841c806f"),
        "number_3_digits.csv",
        datetime(2023, 11, 25, 13, 25, 0, tzinfo=UTC),
    ),
    (
        UUID("be49ab3f-11c9-418a-aa24-a5c379bc8d5f"),
        "percentage_metric.csv",
        datetime(2023, 11, 25, 13, 38, 26, tzinfo=UTC),
    ),
)
BROKEN_ROWS = {12: "unknown", 500: "47,5 %", 731: "1o.4%"}
"""Rows of the delivery that the contract of `percentage_metric.csv` rejects."""
ROWS = 1000
"""Of each sample file: enough for a chart and a page of rows."""
PUBLISH_TIMEOUT_SECONDS = 10.0
"""How long `demo` waits for a sample to be published before it continues without."""
SIZE_LIMIT_BYTES = 100_000
"""The size limit of each sample file, as in the published examples."""


def sample_content(name: str) -> bytes:
    """The bytes of a sample file, always the same."""
    rng = random.Random(name)  # noqa: S311 - sample data, nothing secret
    if name == "number_3_digits.csv":
        cells = (str(rng.randint(100, 999)) for _ in range(ROWS))
        return ("number\n" + "\n".join(cells) + "\n").encode()
    percentages = (f"{rng.uniform(0, 100):.1f}%" for _ in range(ROWS))
    return ("metric\n" + "\n".join(percentages) + "\n").encode()


def broken_content() -> bytes:
    """The delivery of `percentage_metric.csv` that breaks its contract."""
    rows = sample_content("percentage_metric.csv").decode().split("\n")
    return "\n".join(BROKEN_ROWS.get(number, row) for number, row in enumerate(rows)).encode()


def seed_demo(parts: Parts) -> str:
    """Create the demo's account, key and files if they do not exist, and return the demo's API key.

    The key is stored in the data folder (mode 0600), so that it is the same at every start.
    """
    now = parts.clock()
    with contextlib.suppress(NameTaken):  # an earlier demo's
        parts.database.write(_create_account_and_user, parts, SAMPLES[0][2])
    api_key = _demo_key(parts, now)
    actor = parts.database.read(authenticate, parts.secret, api_key, now)
    for file_id, name, created_at in SAMPLES:
        if not parts.database.read(_file_exists, file_id):
            _define(parts, actor, file_id, name, created_at)
    parts.queue.wake()
    return api_key


def rejected_task(parts: Parts) -> str | None:
    """The id of the task of the delivery that breaks its contract, if the demo has it."""
    return parts.database.read(_find_second_task, SAMPLES[1][0])


def wait_until_published(parts: Parts) -> None:
    """Wait until the sample files can be read, at most 10 s, so that the printed commands work."""
    deadline = time.monotonic() + PUBLISH_TIMEOUT_SECONDS
    while parts.database.read(_has_undecided_versions) and time.monotonic() < deadline:
        time.sleep(0.02)


def sign_in_link(parts: Parts) -> str:
    """A path that signs the demo's user in, once, within a day."""
    token = parts.database.write(_make_link, parts)
    return f"/sign-in?link={token}"


def _create_account_and_user(conn: WriteConnection, parts: Parts, now: datetime) -> None:
    create_account(conn, "demo", parts.settings.default_quota, now)
    create_user(conn, USER, "admin", now)


def _make_link(conn: WriteConnection, parts: Parts) -> str:
    user, now = find_user(conn, USER), parts.clock()
    token, _ = create_link(conn, parts.secret, user, now, sets_password=False)
    return token


def _demo_key(parts: Parts, now: datetime) -> str:
    path = parts.settings.data / "demo-key"
    if path.exists():
        api_key = path.read_text().strip()
        try:
            parts.database.read(authenticate, parts.secret, api_key, now)
        except NotAuthenticated:
            path.unlink()
        else:
            return api_key
    new_key = parts.database.write(_make_key, parts, now)
    write_durably(path, new_key.encode() + b"\n")
    return new_key


def _make_key(conn: WriteConnection, parts: Parts, now: datetime) -> str:
    user = find_user(conn, USER)
    return create_key(conn, parts.secret, user, "demo", SCOPES, now).api_key


def _has_undecided_versions(conn: ReadConnection) -> bool:
    is_sample = versions.c.file_id.in_([file_id for file_id, _, _ in SAMPLES])
    is_first, is_undecided = versions.c.number == 1, versions.c.status.in_(UNDECIDED_STATUSES)
    query = select(versions.c.id).where(is_sample, is_first, is_undecided)
    return conn.scalar(query.limit(1)) is not None


def _find_second_task(conn: ReadConnection, file_id: UUID) -> str | None:
    query = select(versions.c.task_id).where(versions.c.file_id == file_id, versions.c.number == 2)
    task_id = conn.scalar(query)
    return str(task_id) if task_id is not None else None


def _file_exists(conn: ReadConnection, file_id: UUID) -> bool:
    return conn.scalar(select(files.c.id).where(files.c.id == file_id)) is not None


def _define(parts: Parts, actor: Actor, file_id: UUID, name: str, created_at: datetime) -> None:
    """Define a sample file; the second has a contract, and one more delivery that breaks it."""
    has_contract = file_id == SAMPLES[1][0]
    enforcement = Enforcement("infer" if has_contract else "none")
    definition = Definition(name, "Description", SIZE_LIMIT_BYTES, enforcement)
    upload = _store(parts, actor, sample_content(name))
    broken = _store(parts, actor, broken_content()) if has_contract else None

    def work(conn: WriteConnection) -> None:
        define_file(conn, actor, definition, upload, parts.queue, created_at, file_id)
        if broken is not None:
            target = access_deliverable(conn, actor, file_id)
            deliver_version(conn, target, name, broken, parts.queue, parts.clock())

    parts.database.write(work)


def _store(parts: Parts, actor: Actor, content: bytes) -> StoredUpload:
    blob_id, size, now = BlobId(uuid4()), len(content), parts.clock()
    reservation = parts.database.write(open_reservation, actor.account_id, 100, now)
    parts.database.write(grow_reservation, actor.account_id, reservation, size, size, now)
    writer = parts.store.create(blob_id)
    writer.write(content)
    return StoredUpload(blob_id, writer.commit(), reservation)
