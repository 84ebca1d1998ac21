"""`/api/v1/uploads`: the tus protocol, step by step, and each of its refusals."""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import update
from tests.support.api import CSV, assert_problem
from tests.support.raw import chunked, connect, exchange, head
from tests.support.server import Server, TestAccount
from tests.support.tus import HEADERS, STREAM, Tus, checksum, create, metadata
from tests.support.wait import wait_until

from entrepot.db.tables import uploads
from entrepot.files.invariants.checks import quotas_match_bytes
from entrepot.files.invariants.uploads import uploads_are_sound
from entrepot.files.sweep import sweep

pytestmark = pytest.mark.both_databases

TABLE = b"id,amount\n" + b"12,345\n" * 200_000
SIZE = len(TABLE)


def published(account: TestAccount, task_id: str, content: bytes) -> str:
    """Wait for the delivery and read it back; the file's id."""
    task = account.api.wait_task(task_id)
    assert task["status"] == "succeeded", task
    answer = account.api.get(f"/file/download/{task['file_id']}")
    assert answer.content == content
    return str(task["file_id"])


def clean(account: TestAccount, used: int) -> None:
    """Nothing is left but `used` bytes."""
    document = account.api.account()
    assert (document["used"], document["reserved"]) == (used, 0)
    parts = account.server.parts
    for check in (quotas_match_bytes, uploads_are_sound):
        with parts.database.reading() as conn:
            assert list(check(conn, parts.store, parts.clock())) == []


def wait_for_bytes(server: Server, draft: UUID) -> None:
    """Until the server has written something of an upload."""
    drafts = server.parts.store.drafts
    wait_until(
        lambda: any(each.size for each in drafts.list() if each.blob_id == draft),
        "something is written",
    )


def without_id(answer: httpx2.Response) -> str:
    return answer.text.replace(answer.headers["x-request-id"], "")


def test_what_the_server_can_do(server: Server) -> None:
    answer = server.api(None).request("OPTIONS", "/uploads")
    assert answer.status_code == 204
    headers = answer.headers
    assert (headers["tus-resumable"], headers["tus-version"]) == ("1.0.0", "1.0.0")
    assert headers["tus-max-size"] == str(server.settings.max_file_size)
    assert set(headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
        "checksum",
        "concatenation",
    }
    assert "sha1" in headers["tus-checksum-algorithm"].split(",")


def test_an_upload_in_three_pieces(account: TestAccount) -> None:
    answer = create(account.api, SIZE, file_description="Zwei\nZeilen", filetype="text/csv")
    upload = Tus.of(account.api, answer)
    assert answer.headers["upload-offset"] == "0"
    assert answer.headers["upload-expires"].endswith("GMT")
    assert account.api.account()["reserved"] == SIZE
    for start in (0, 5, 700_000):
        end = {0: 5, 5: 700_000}.get(start, SIZE)
        assert upload.offset == start
        done = upload.patch(TABLE[start:end], start)
        assert (done.status_code, done.headers["upload-offset"]) == (204, str(end))
    headers = upload.head().headers
    assert headers["upload-length"] == str(SIZE)
    assert headers["upload-metadata"] == answer.request.headers["upload-metadata"]
    assert headers["entrepot-task-id"] == done.headers["entrepot-task-id"]
    file_id = published(account, headers["entrepot-task-id"], TABLE)
    document = account.api.json(f"/file/{file_id}")
    assert document["file_description"] == "Zwei\nZeilen"
    assert document["file_size_limit"] == 100_000_000
    # The last answer may be lost: the same question has the same answer.
    again = upload.patch(b"", SIZE)
    assert again.headers["entrepot-task-id"] == done.headers["entrepot-task-id"]
    assert_problem(upload.patch(b"x", SIZE), 409, "offset-mismatch", offset=SIZE)
    clean(account, SIZE)


def test_creation_with_upload(account: TestAccount) -> None:
    whole = create(account.api, len(CSV), content=CSV)
    published(account, whole.headers["entrepot-task-id"], CSV)
    half = create(account.api, len(CSV), content=CSV[:7])
    assert half.headers["upload-offset"] == "7"
    upload = Tus.of(account.api, half)
    published(account, upload.end(CSV), CSV)
    wrong = create(account.api, 10, content=CSV)
    assert_problem(wrong, 413, "body-too-large", limit=10)
    clean(account, 2 * len(CSV))


def test_a_repeated_creation_has_the_first_ones_upload(account: TestAccount) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = create(account.api, SIZE, headers=key)
    again = create(account.api, SIZE, headers=key, content=TABLE)
    assert again.headers["location"] == first.headers["location"]
    published(account, again.headers["entrepot-task-id"], TABLE)
    third = create(account.api, SIZE, headers=key, content=TABLE)
    assert third.headers["entrepot-task-id"] == again.headers["entrepot-task-id"]
    assert_problem(create(account.api, 5, headers=key), 422, "idempotency-key-reused")
    assert len(account.api.json("/files")["files_list"]) == 1
    clean(account, SIZE)


def test_what_came_before_a_cut_stays(account: TestAccount) -> None:
    upload = Tus.begin(account.api, SIZE)
    with upload.stalled(TABLE, 0, 1_200_000):
        # Else the server may meet every closed connection with all of its bytes unread.
        wait_for_bytes(account.server, UUID(upload.address.rpartition("/")[2]))
    offset, cuts = upload.offset, 0
    assert 0 < offset <= 1_200_000
    while cuts < 4:
        upload.cut(TABLE, offset, 300_001)
        # The server may meet the closed connection with some of its bytes unread.
        now = upload.offset
        assert offset <= now <= offset + 300_001
        offset, cuts = now, cuts + 1
    assert offset > 0
    published(account, upload.end(TABLE), TABLE)
    clean(account, SIZE)


def test_a_newer_request_takes_over(account: TestAccount) -> None:
    """The connection hangs, and the server still waits for its next byte."""
    upload = Tus.begin(account.api, SIZE)
    with upload.stalled(TABLE, 0, 1_200_000):
        draft = UUID(upload.address.rpartition("/")[2])
        wait_for_bytes(account.server, draft)  # else the new request may come first
        offset = upload.offset
        assert 0 < offset <= 1_200_000
        published(account, upload.end(TABLE), TABLE)
    clean(account, SIZE)


def test_a_further_version(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, limit=1000)["file_id"]
    answer = account.api.get(f"/file/{file_id}")
    headers = {"Upload-Metadata": metadata(filename="next.csv", file_id=file_id)}
    size = {"Upload-Length": str(len(CSV) + 4)}
    match = {"If-Match": answer.headers["etag"]}
    first = account.api.post("/uploads", headers=HEADERS | headers | size | match)
    second = account.api.post("/uploads", headers=HEADERS | headers | size | match)
    task_id = Tus.of(account.api, first).end(CSV + b"5,6\n")
    assert account.api.wait_task(task_id)["version"] == 2
    # It has changed meanwhile: refused at the end, and gone with all its bytes.
    late = Tus.of(account.api, second)
    assert_problem(late.patch(CSV + b"7,8\n", 0), 412, "precondition-failed")
    assert late.head().status_code == 404
    again = account.api.post("/uploads", headers=HEADERS | headers | size | match)
    assert_problem(again, 412, "precondition-failed")
    large = account.api.post("/uploads", headers=HEADERS | headers | {"Upload-Length": "1001"})
    assert_problem(large, 413, "file-too-large", limit=1000, requested=1001)
    clean(account, 2 * len(CSV) + 4)


def test_a_correction_of_a_rejected_version(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, enforce_schema="true")["file_id"]
    wrong = account.api.upload(b"id\nx\n", path=f"/file/{file_id}/versions", limit=None)
    assert account.api.wait_task(wrong.json()["task_id"])["status"] == "failed"

    def begin(**fields: str) -> httpx2.Response:
        about = metadata(filename="next.csv", **fields)
        headers = {"Upload-Length": str(len(CSV)), "Upload-Metadata": about}
        return account.api.post("/uploads", headers=HEADERS | headers)

    first = begin(file_id=file_id, replaces="1")
    assert_problem(first, 409, "version-not-rejected", version=1)
    assert_problem(begin(replaces="2"), 422, "field-invalid", field="replaces")
    right, late = begin(file_id=file_id, replaces="2"), begin(file_id=file_id, replaces="2")
    task = account.api.wait_task(Tus.of(account.api, right).end(CSV))
    assert (task["status"], task["version"]) == ("succeeded", 3)
    assert account.api.json(f"/file/{file_id}/versions/3")["replaces"] == 2
    assert Tus.of(account.api, late).delete().status_code == 204


def test_a_file_that_is_deleted_meanwhile(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    headers = {"Upload-Metadata": metadata(filename="next.csv", file_id=file_id)}
    made = account.api.post("/uploads", headers=STREAM | headers | {"Upload-Length": str(len(CSV))})
    upload = Tus.of(account.api, made)
    assert upload.patch(CSV[:5], 0).status_code == 204
    assert account.api.request("DELETE", f"/file/{file_id}").status_code == 200
    assert_problem(upload.patch(CSV[5:], 5), 404, "not-found")
    assert upload.head().status_code == 404
    assert account.api.account()["reserved"] == 0


def test_nobody_else_sees_it(account: TestAccount, server: Server) -> None:
    upload = Tus.begin(account.api, SIZE)
    never = Tus(account.api, f"/api/v1/uploads/{uuid4()}")
    mate, stranger = account.new_user().api, server.new_account().api
    for other in (mate, stranger):
        for act in ("HEAD", "PATCH", "DELETE"):
            headers = STREAM | {"Upload-Offset": "0"}
            seen = other.request(act, upload.address, headers=headers, content=b"")
            nothing = other.request(act, never.address, headers=headers, content=b"")
            assert seen.status_code == nothing.status_code == 404
            same = [
                answer.text.replace(answer.headers["x-request-id"], "")
                for answer in (seen, nothing)
            ]
            assert same[0] == same[1]
    other_key = account.new_key(("write",), user_name=account.admin.user_name).api
    assert Tus(other_key, upload.address).offset == 0
    reader = account.new_key(("read",), user_name=account.admin.user_name).api
    assert Tus(reader, upload.address).head().status_code == 403
    assert_problem(create(reader, 5), 403, "scope-missing")
    assert_problem(create(server.api(None), 5), 401, "not-authenticated")
    malformed = account.api.request("DELETE", "/uploads/nothing", headers=HEADERS)
    assert_problem(malformed, 404, "not-found")
    assert upload.delete().status_code == 204
    assert upload.delete().status_code == upload.head().status_code == 404
    clean(account, 0)


def test_other_versions_of_the_protocol(account: TestAccount) -> None:
    upload = Tus.begin(account.api, SIZE)
    for method, path in (("POST", "/uploads"), ("DELETE", upload.address)):
        for headers in ({"Tus-Resumable": "0.2.2"}, {}):
            if method == "DELETE" and not headers:
                continue  # as by those who end an upload that is not theirs, with any client
            answer = account.api.request(method, path, headers=headers)
            assert_problem(answer, 412, "tus-version-unsupported", supported="1.0.0")
            assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert upload.delete().status_code == 204


def test_the_methods_by_post(account: TestAccount) -> None:
    upload = Tus.begin(account.api, len(CSV))
    by = lambda method: {"X-HTTP-Method-Override": method}  # noqa: E731
    patched = account.api.post(
        upload.address, headers=STREAM | by("PATCH") | {"Upload-Offset": "0"}, content=CSV
    )
    assert patched.headers["upload-offset"] == str(len(CSV))
    document = account.api.post(upload.address, headers=HEADERS | by("HEAD"))
    assert document.headers["entrepot-task-id"] == patched.headers["entrepot-task-id"]
    assert account.api.post(upload.address, headers=HEADERS | by("DELETE")).status_code == 204
    answer = account.api.post(upload.address, headers=HEADERS)
    assert_problem(answer, 405, "method-not-allowed")
    assert "PATCH" in answer.headers["allow"]


WRONG_METADATA: list[tuple[dict[str, str | bytes], str]] = [
    ({}, "filename"),
    ({"filename": "../up.csv", "file_size_limit": "10"}, "filename"),
    ({"filename": b"\xff", "file_size_limit": "10"}, "filename"),
    ({"filename": "x" * 256, "file_size_limit": "10"}, "filename"),
    ({"filename": "a.csv"}, "file_size_limit"),
    ({"filename": "a.csv", "file_size_limit": "ten"}, "file_size_limit"),
    ({"filename": "a.csv", "file_size_limit": "1" * 65}, "file_size_limit"),
    ({"filename": "a.csv", "file_size_limit": "10", "color": "red"}, "color"),
    ({"filename": "a.csv", "file_id": str(uuid4()), "file_size_limit": "9"}, "file_size_limit"),
]


def test_metadata_is_checked_as_a_form(account: TestAccount) -> None:
    for fields, field in WRONG_METADATA:
        headers = {"Upload-Length": "5", "Upload-Metadata": metadata(**fields)}
        answer = account.api.post("/uploads", headers=HEADERS | headers)
        assert_problem(answer, 422, "field-invalid", field=field)
    assert account.api.account()["reserved"] == 0


def test_a_wrong_schema_is_told_at_the_creation(account: TestAccount) -> None:
    answer = create(account.api, 5, enforce_schema='{"fields": 3}')
    assert_problem(answer, 422, "schema-invalid", pointer="/fields")
    answer = create(account.api, 5, table_dialect='{"delimiter": 3}')
    assert_problem(answer, 422, "dialect-invalid")
    unknown = metadata(filename="a.csv", file_id=str(uuid4()))
    headers = {"Upload-Length": "5", "Upload-Metadata": unknown}
    assert_problem(account.api.post("/uploads", headers=HEADERS | headers), 404, "not-found")


WRONG_HEADERS = [
    ({}, "Upload-Length"),
    ({"Upload-Length": "-1"}, "Upload-Length"),
    ({"Upload-Length": "9" * 19}, "Upload-Length"),
    ({"Upload-Length": "0"}, "Upload-Length"),
    ({"Upload-Defer-Length": "1"}, "Upload-Defer-Length"),
    ({"Upload-Length": "5", "Upload-Metadata": "filename"}, "filename"),
    ({"Upload-Length": "5", "Upload-Metadata": "filename %%%"}, "Upload-Metadata"),
    (
        {"Upload-Length": "5", "Upload-Metadata": "type YQ==,type YQ=="},
        "Upload-Metadata",
    ),
    ({"Upload-Length": "5", "Upload-Metadata": ","}, "Upload-Metadata"),
    ({"Upload-Length": "5", "Upload-Concat": "both"}, "Upload-Concat"),
    ({"Upload-Length": "5", "Upload-Concat": "final;"}, "Upload-Concat"),
]


def test_headers_of_the_creation(account: TestAccount) -> None:
    usual = {"Upload-Metadata": metadata(filename="a.csv", file_size_limit="10")}
    for headers, field in WRONG_HEADERS:
        answer = account.api.post("/uploads", headers=HEADERS | usual | headers)
        assert_problem(answer, 422, "field-invalid", field=field)


def test_limit_and_quota_bind_at_the_creation(server: Server) -> None:
    account = server.new_account(quota=1000)
    api = account.api
    assert_problem(create(api, 11, limit=10), 413, "file-too-large", limit=10, requested=11)
    first = Tus.begin(api, 600)
    refused = create(api, 401)
    assert_problem(
        refused, 413, "account-quota-exceeded", limit=1000, used=0, reserved=600, requested=401
    )
    # A form needs not wait for room that an upload may hold for a day.
    assert_problem(api.upload(b"x" * 500, limit=500), 413, "account-quota-exceeded", reserved=600)
    assert first.patch(b"x" * 100, 0).status_code == 204
    assert first.delete().status_code == 204
    clean(account, 0)


def test_too_many_unfinished_uploads(serve: Callable[..., Server]) -> None:
    account = serve(unfinished_uploads=2).new_account()
    made = [Tus.begin(account.api, 5) for _ in range(2)]
    refused = create(account.api, 5)
    assert_problem(refused, 429, "too-many-uploads", limit=2)
    assert refused.headers["retry-after"]
    published(account, made[0].end(b"a\n1\n\n"), b"a\n1\n\n")
    Tus.begin(account.api, 5)


def test_bytes_of_another_kind_or_length(account: TestAccount) -> None:
    upload = Tus.begin(account.api, 10)
    for kind in ("text/csv", ""):
        fields = HEADERS | {"Upload-Offset": "0", "Content-Type": kind}
        answer = account.api.request("PATCH", upload.address, headers=fields, content=b"12345")
        assert_problem(answer, 415, "media-type-unsupported")
    assert_problem(
        create(account.api, 5, headers={"Content-Type": "text/csv"}, content=b"12345"),
        415,
        "media-type-unsupported",
    )
    assert_problem(upload.patch(b"x" * 11, 0), 413, "body-too-large", limit=10)
    assert_problem(upload.patch(b"x", 1), 409, "offset-mismatch", offset=0, requested=1)
    missing = account.api.request("PATCH", upload.address, headers=STREAM, content=b"x")
    assert_problem(missing, 422, "field-invalid", field="Upload-Offset")
    headers = account.api.authorization | STREAM | {"Upload-Offset": "0"}
    first = head("PATCH", upload.address, headers | {"Transfer-Encoding": "chunked"})
    surplus = exchange(account.server.endpoint, first, chunked([b"12345", b"1234567"]))
    assert_problem(surplus, 413, "body-too-large", limit=10)
    assert upload.offset <= 10
    assert upload.delete().status_code == 204


def test_checksums(account: TestAccount) -> None:
    piece, rest = TABLE[:1_100_000], TABLE[1_100_000:]
    upload = Tus.begin(account.api, SIZE)
    for algorithm in ("sha256", "sha1", "sha512", "md5"):
        wrong = upload.patch(piece, 0, **checksum(piece[1:], algorithm))
        assert_problem(wrong, 460, "checksum-mismatch", algorithm=algorithm, offset=0)
        assert upload.offset == 0
        small = Tus.begin(account.api, len(CSV))
        assert small.patch(CSV, 0, **checksum(CSV, algorithm)).status_code == 204
        published(account, small.end(CSV), CSV)
    right = upload.patch(piece, 0, **checksum(piece))
    assert right.headers["upload-offset"] == str(len(piece))
    assert upload.patch(rest, len(piece), **checksum(b"")).status_code == 460
    assert upload.offset == len(piece)
    assert upload.patch(rest, len(piece), **checksum(rest)).status_code == 204
    published(account, upload.end(TABLE), TABLE)


def test_bytes_that_were_not_proven_go(account: TestAccount) -> None:
    upload = Tus.begin(account.api, SIZE)
    assert upload.patch(TABLE[:1000], 0).status_code == 204
    headers = STREAM | checksum(TABLE[1000:])
    headers |= {"Upload-Offset": "1000", "Content-Length": str(SIZE - 1000)}
    with connect(account.server.endpoint) as sock:
        sock.sendall(head("PATCH", upload.address, account.api.authorization | headers))
        sock.sendall(TABLE[1000:1_300_000])
    assert upload.offset == 1000
    published(account, upload.end(TABLE), TABLE)


def test_unknown_checksums(account: TestAccount) -> None:
    upload = Tus.begin(account.api, 5)
    for stated in ("crc32 AAAA", "sha1", "sha1 %%%", "", "sha1 \xe9\xe9".encode("latin-1")):
        answer = upload.patch(b"12345", 0, **{"Upload-Checksum": stated})
        assert_problem(answer, 400, "checksum-unsupported")
    assert upload.delete().status_code == 204


def test_parts_are_joined(account: TestAccount) -> None:
    pieces = [TABLE[:700_000], TABLE[700_000:700_003], b"", TABLE[700_003:]]
    parts = [Tus.part(account.api, piece) for piece in pieces]
    assert account.api.account()["reserved"] == SIZE
    assert parts[0].head().headers["upload-concat"] == "partial"
    joining = HEADERS | {
        "Upload-Concat": "final;" + " ".join(part.address for part in parts),
        "Upload-Metadata": metadata(filename="whole.csv", file_size_limit="100000000"),
    }
    answer = account.api.post("/uploads", headers=joining)
    final = Tus.of(account.api, answer)
    assert answer.headers["upload-offset"] == str(SIZE)
    headers = final.head().headers
    assert headers["upload-length"] == headers["upload-offset"] == str(SIZE)
    assert headers["upload-concat"] == joining["Upload-Concat"]
    published(account, headers["entrepot-task-id"], TABLE)
    again = account.api.post("/uploads", headers=joining)
    assert again.headers["location"] == final.address
    assert again.headers["entrepot-task-id"] == headers["entrepot-task-id"]
    other = {"Upload-Metadata": metadata(filename="other.csv", file_size_limit="100000000")}
    assert_problem(account.api.post("/uploads", headers=joining | other), 404, "not-found")
    assert_problem(final.patch(b"x", SIZE), 403, "upload-sealed")
    assert_problem(parts[0].patch(b"", 700_000), 403, "upload-sealed")
    assert final.delete().status_code == 204  # what it delivered stays, its parts are forgotten
    assert parts[0].head().status_code == 404
    clean(account, SIZE)


def test_parts_are_joined_once_by_many_at_once(account: TestAccount, server: Server) -> None:
    """Who is overtaken while copying finds parts whose bytes have gone."""
    parts = [Tus.part(account.api, b"id\n" if not n else b"%d\n" % n) for n in range(40)]
    joining = HEADERS | {
        "Upload-Concat": "final;" + " ".join(part.address for part in parts),
        "Upload-Metadata": metadata(filename="whole.csv", file_size_limit="1000"),
    }

    def join(n: int) -> httpx2.Response:
        return server.api(account.api_key).post("/uploads", headers=joining)

    orphans = server.orphans()
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(join, range(16)))
    assert [answer.status_code for answer in answers] == [201] * 16, [a.text for a in answers]
    (task_id,) = {answer.headers["entrepot-task-id"] for answer in answers}
    content = b"id\n" + b"".join(b"%d\n" % n for n in range(1, 40))
    published(account, task_id, content)
    # Not before: the Parquet is stored a moment before the transaction that names it.
    wait_until(lambda: server.orphans() <= orphans, "nor while others' forms are stored")
    clean(account, len(content))


def test_what_cannot_be_joined(account: TestAccount, server: Server) -> None:
    part, half = Tus.part(account.api, b"id\n1\n"), Tus.begin(account.api, 5)
    fields = {"Upload-Concat": "partial", "Upload-Length": "9"}
    open_part = Tus.of(account.api, account.api.post("/uploads", headers=HEADERS | fields))

    def join(*addresses: str, api: object = None, limit: str = "100", **more: str) -> object:
        about = metadata(filename="whole.csv", file_size_limit=limit)
        concat = "final;" + " ".join(addresses)
        headers = HEADERS | {"Upload-Concat": concat, "Upload-Metadata": about} | more
        return (api or account.api).post("/uploads", headers=headers)  # type: ignore[attr-defined]

    assert_problem(join(part.address, open_part.address), 409, "upload-incomplete")
    assert_problem(join(half.address), 409, "upload-incomplete")
    assert_problem(join(f"/api/v1/uploads/{uuid4()}"), 404, "not-found")
    assert_problem(join("/elsewhere/1"), 404, "not-found")
    assert_problem(join(f"http://[elsewhere{part.address}"), 404, "not-found")
    assert_problem(join(part.address, api=server.new_account().api), 404, "not-found")
    assert_problem(join(part.address, part.address), 422, "field-invalid", field="Upload-Concat")
    assert_problem(join(part.address, **{"Upload-Length": "5"}), 422, "field-invalid")
    assert_problem(join(part.address, limit="4"), 413, "file-too-large", limit=4, requested=5)
    empty = Tus.part(account.api, b"")
    assert_problem(join(empty.address), 422, "field-invalid", field="Upload-Concat")
    whole = join(f"https://elsewhere.example/prefix{part.address}")
    published(account, whole.headers["entrepot-task-id"], b"id\n1\n")  # type: ignore[attr-defined]
    for one in (half, open_part, empty):
        assert one.delete().status_code == 204
    clean(account, 5)


def test_what_expires_goes(account: TestAccount) -> None:
    upload, other = Tus.begin(account.api, SIZE), Tus.begin(account.api, 5)
    assert upload.patch(TABLE[:5000], 0).status_code == 204
    parts = account.server.parts
    with parts.database.writing() as conn:
        mine = update(uploads).where(uploads.c.id == UUID(upload.address.rpartition("/")[2]))
        conn.execute(mine.values(expires_at=parts.clock() - timedelta(seconds=1)))
    assert upload.head().status_code == 404
    assert_problem(upload.patch(TABLE[5000:], 5000), 404, "not-found")
    assert sweep(parts.database, parts.store, parts.clock).uploads >= 1
    assert account.api.account()["reserved"] == 5
    assert other.delete().status_code == 204
    clean(account, 0)


def test_a_draft_that_nobody_needs_goes_after_its_grace(account: TestAccount) -> None:
    parts, nobody = account.server.parts, uuid4()
    upload = Tus.begin(account.api, SIZE)
    assert upload.patch(TABLE[:5000], 0).status_code == 204
    parts.store.drafts.append(nobody).close()

    def later() -> object:
        return parts.clock() + timedelta(hours=2)

    def is_kept() -> bool:
        return nobody in {draft.blob_id for draft in parts.store.drafts.list()}

    sweep(parts.database, parts.store, parts.clock)
    assert is_kept()
    sweep(parts.database, parts.store, later)  # type: ignore[arg-type]
    assert not is_kept()
    assert upload.offset == 5000
    assert upload.delete().status_code == 204


def test_a_key_that_is_revoked_meanwhile(account: TestAccount) -> None:
    """It ends the upload, and with it what that held, for the other keys of its user too."""
    key = account.new_key(("read", "write"))
    upload = Tus.begin(key.api, len(CSV))
    assert account.api.request("DELETE", f"/key/{key.key.key.id}").status_code in (200, 204)
    assert upload.patch(CSV, 0).status_code == 401
    assert Tus(account.api, upload.address).patch(CSV, 0).status_code == 404
    assert account.api.account()["reserved"] == 0


def test_names_of_any_script(account: TestAccount) -> None:
    name = "données – 数据.csv"
    headers = {
        "Upload-Metadata": f"filename {b64encode(name.encode()).decode()},"
        f"file_size_limit {b64encode(b'100').decode()}"
    }
    made = account.api.post(
        "/uploads", headers=HEADERS | headers | {"Upload-Length": str(len(CSV))}
    )
    task = account.api.wait_task(Tus.of(account.api, made).end(CSV))
    assert task["file_name"] == name


def test_a_large_schema_travels_in_the_header(account: TestAccount) -> None:
    fields = ",".join(f'{{"name":"c{n}","description":"{"x" * 40}"}}' for n in range(200))
    answer = create(account.api, 5, enforce_schema=f'{{"fields":[{fields}]}}')
    assert Tus.of(account.api, answer).delete().status_code == 204


def test_an_upload_keeps_no_long_headers(account: TestAccount) -> None:
    """They stay for a day after its end, and count for no quota: 250,000 bytes for 8 delivered."""
    named = metadata(filename="a.csv", file_size_limit="1000")
    blanks = named.replace(",", " " * 10_000 + ",")
    ignored = metadata(filename="a.csv", file_size_limit="1000", relativePath="x" * 2_000)
    begun = {"Upload-Length": "8", "Upload-Metadata": named}
    part = begun | {"Upload-Concat": "partial"}
    long_match = f'"{"x" * 5_000}"'
    for field, headers in (
        ("Upload-Metadata", part | {"Upload-Metadata": metadata(x="y" * 5_000)}),
        ("Upload-Metadata", begun | {"Upload-Metadata": blanks}),
        ("relativePath", begun | {"Upload-Metadata": ignored}),
        ("If-Match", begun | {"If-Match": long_match}),
        ("If-Match", part | {"If-Match": long_match}),
    ):
        answer = account.api.post("/uploads", headers=HEADERS | headers)
        assert_problem(answer, 422, "field-invalid", field=field)
    joined = Tus.part(account.api, CSV)
    final = {"Upload-Concat": f"final;{joined.address}", "Upload-Metadata": named}
    answer = account.api.post("/uploads", headers=HEADERS | final | {"If-Match": long_match})
    assert_problem(answer, 422, "field-invalid", field="If-Match")
    allowed = part | {"Upload-Metadata": named, "If-Match": '"x"'}
    assert account.api.post("/uploads", headers=HEADERS | allowed).status_code == 201
