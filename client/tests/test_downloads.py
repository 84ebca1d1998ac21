import io
import json
import time
from pathlib import Path

import pytest
from client_peer import Fault, Peer

from entrepot_client import errors
from entrepot_client.client import Client
from entrepot_client.transfers.filenames import name_from_disposition, safe_name

CONTENT = bytes(range(256)) * 4000


def test_a_file_gets_the_servers_name_in_a_folder(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    result = client.download(file.file_id, tmp_path)
    assert result.path == tmp_path / "orders.csv"
    assert result.path.read_bytes() == CONTENT
    assert (result.size, result.sha256, result.verified) == (len(CONTENT), file.sha256, True)
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_an_empty_file(peer: Peer, client: Client, tmp_path: Path) -> None:
    file = peer.add_file("empty.csv", b"")
    result = client.download(file.file_id, tmp_path)
    assert result.path is not None
    assert result.path.read_bytes() == b""


def test_nothing_is_replaced_unless_asked(peer: Peer, client: Client, tmp_path: Path) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    target = tmp_path / "orders.csv"
    target.write_bytes(b"mine")
    with pytest.raises(errors.TargetExists):
        client.download(file.file_id, tmp_path)
    assert target.read_bytes() == b"mine"
    assert "GET" not in [request.method for request in peer.requests]
    client.download(file.file_id, tmp_path, overwrite=True)
    assert target.read_bytes() == CONTENT


def test_a_file_that_appears_meanwhile_is_not_replaced(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    target = tmp_path / "orders.csv"

    def appear(done: int, _: int | None) -> None:
        if done == len(CONTENT):
            target.write_bytes(b"mine")

    with pytest.raises(errors.TargetExists):
        client.download(file.file_id, target, progress=appear)
    assert target.read_bytes() == b"mine"
    assert (tmp_path / "orders.csv.part").read_bytes() == CONTENT
    # The part is kept: once the name is free, the download needs only a HEAD.
    target.rename(tmp_path / "kept.csv")
    request_count = len(peer.requests)
    client.download(file.file_id, target)
    assert [a.method for a in peer.requests[request_count:]] == ["HEAD"]
    assert target.read_bytes() == CONTENT


def test_a_broken_download_goes_on_by_itself(peer: Peer, client: Client, tmp_path: Path) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    peer.cuts = [400_000, 300_000]
    result = client.download(file.file_id, tmp_path)
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT
    ranges = [a.headers.get("Range") for a in peer.requests if a.method == "GET"]
    assert ranges == [None, "bytes=400000-", "bytes=700000-"]
    assert {a.headers["Accept-Encoding"] for a in peer.requests} == {"identity"}


def leave_a_part(peer: Peer, client: Client, file_id: str, folder: Path) -> None:
    """Break a download off after 400,000 bytes, and give the server up."""
    peer.cuts = [400_000]
    path = f"/api/v1/file/download/{file_id}"

    def break_server(done: int, _: int | None) -> None:
        if done == 400_000:
            peer.faults[path] = [Fault(500)]

    with pytest.raises(errors.ServerFailed):
        client.download(file_id, folder, progress=break_server)
    assert (folder / "orders.csv.part").stat().st_size == 400_000


def test_a_later_run_goes_on_from_the_part(peer: Peer, client: Client, tmp_path: Path) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    leave_a_part(peer, client, file.file_id, tmp_path)
    result = client.download(file.file_id, tmp_path)
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT
    assert result.resumed_from == 400_000
    assert peer.requests[-1].headers["Range"] == "bytes=400000-"
    assert peer.requests[-1].headers["If-Range"] == file.etag
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_a_part_of_an_older_version_is_not_continued(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    leave_a_part(peer, client, file.file_id, tmp_path)
    file.content = CONTENT[::-1]
    result = client.download(file.file_id, tmp_path)
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT[::-1]
    assert result.resumed_from == 0


def test_a_version_published_between_two_attempts_starts_over(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    peer.cuts = [400_000]

    def publish(done: int, _: int | None) -> None:
        if done == 400_000:
            file.content = CONTENT[::-1]

    result = client.download(file.file_id, tmp_path, progress=publish)
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT[::-1]
    assert result.sha256 == file.sha256


@pytest.mark.parametrize("state", ["not JSON", "[]", '{"file_id": "x", "etag": "y"}'])
def test_a_part_of_unknown_origin_is_not_continued(
    peer: Peer, client: Client, tmp_path: Path, state: str
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    (tmp_path / "orders.csv.part").write_bytes(b"garbage")
    (tmp_path / "orders.csv.part.json").write_text(state)
    result = client.download(file.file_id, tmp_path)
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT


def test_a_damaged_part_is_thrown_away(peer: Peer, client: Client, tmp_path: Path) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    (tmp_path / "orders.csv.part").write_bytes(b"damaged")
    state = {"file_id": file.file_id, "etag": file.etag}
    (tmp_path / "orders.csv.part.json").write_text(json.dumps(state))
    with pytest.raises(errors.DownloadCorrupted):
        client.download(file.file_id, tmp_path)
    assert list(tmp_path.iterdir()) == []
    client.download(file.file_id, tmp_path)


def test_a_part_longer_than_the_file_starts_over(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    (tmp_path / "orders.csv.part").write_bytes(CONTENT + b"more")
    state = {"file_id": file.file_id, "etag": file.etag}
    (tmp_path / "orders.csv.part.json").write_text(json.dumps(state))
    path = f"/api/v1/file/download/{file.file_id}"

    def refuse_range() -> None:
        peer.faults[path] = [
            Fault(200, {"ETag": file.etag, "Content-Length": str(len(CONTENT))}),  # the HEAD
            Fault(416, {"Content-Range": f"bytes */{len(CONTENT)}"}),
        ]

    refuse_range()
    result = client.download(file.file_id, tmp_path / "orders.csv")
    assert result.path is not None
    assert result.path.read_bytes() == CONTENT


def test_a_server_without_digests(peer: Peer, client: Client, tmp_path: Path) -> None:
    peer.headers = {"Repr-Digest": ""}
    file = peer.add_file("orders.csv", CONTENT)
    assert not client.download(file.file_id, tmp_path).verified


def test_wrong_bytes_get_no_name(peer: Peer, client: Client, tmp_path: Path) -> None:
    peer.headers = {"Repr-Digest": "sha-256=:" + "A" * 43 + "=:"}
    file = peer.add_file("orders.csv", CONTENT)
    with pytest.raises(errors.DownloadCorrupted):
        client.download(file.file_id, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_explained(client: Client, tmp_path: Path) -> None:
    with pytest.raises(errors.ResourceNotFound, match="do not have access"):
        client.download("53c9c295-83f4-4754-a781-cd03841c806f", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_goes_on_where_it_broke(peer: Peer, client: Client) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    peer.cuts = [400_000]
    stream = io.BytesIO()
    assert client.download_to(file.file_id, stream).sha256 == file.sha256
    assert stream.getvalue() == CONTENT


def test_a_stream_never_mixes_two_versions(peer: Peer, client: Client) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    peer.cuts = [400_000]

    def publish(done: int, _: int | None) -> None:
        if done == 400_000:
            file.content = CONTENT[::-1]

    stream = io.BytesIO()
    with pytest.raises(errors.RemoteFileChanged):
        client.download_to(file.file_id, stream, progress=publish)
    assert stream.getvalue() == CONTENT[:400_000]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a.csv"', "a.csv"),
        ("attachment; filename=\"e.csv\"; filename*=UTF-8''%C3%A9%20%E2%82%AC.csv", "é €.csv"),
        ("attachment; filename*=UTF-8''b.csv; filename=\"a.csv\"", "b.csv"),
        ('attachment; filename="a\\"b.csv"', 'a"b.csv'),
        ("attachment", None),
        (None, None),
    ],
)
def test_names_in_content_disposition(header: str | None, name: str | None) -> None:
    assert name_from_disposition(header) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("orders.csv", "orders.csv"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("...", "ID"),
        ("a/", "ID"),
        ("", "ID"),
        (None, "ID"),
        ("a\x00b\nc\x1b[31m.csv", "abc[31m.csv"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("con.csv", "_con.csv"),
        ("a:b|c?.csv", "abc.csv"),
        ("Daten für Köln.csv", "Daten für Köln.csv"),
        ("trailing. ", "trailing"),
    ],
)
def test_names_are_made_harmless(name: str | None, safe: str) -> None:
    assert safe_name(name, fallback="ID") == safe


def test_long_names_keep_their_ending() -> None:
    name = safe_name("ü" * 300 + ".parquet", fallback="ID")
    assert name.endswith(".parquet")
    assert len(name.encode()) <= 240


def pending(seconds: int) -> list[Fault]:
    """The answers to HEAD and GET while the server makes a form."""
    body = {"status": 503, "code": "form-not-ready", "detail": "It is being made."}
    headers = {"Content-Type": "application/problem+json", "Retry-After": str(seconds)}
    return [Fault(503, headers), Fault(503, headers, json.dumps(body).encode())]


def test_a_form_is_waited_for_as_the_server_asks(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.parquet", CONTENT)
    peer.faults[f"/api/v1/file/download/{file.file_id}"] = pending(1) + pending(2)
    pauses: list[float] = []
    started_at = time.monotonic()
    result = client.download(
        file.file_id, tmp_path, form="parquet", version=3, on_wait=pauses.append
    )
    assert time.monotonic() - started_at >= 3
    assert pauses == [1.0, 2.0]
    assert result.path == tmp_path / "orders.parquet"
    assert result.path.read_bytes() == CONTENT
    assert {a.path.partition("?")[2] for a in peer.requests} == {"version=3&format=parquet"}


def test_a_form_for_a_stream_is_waited_for_too(peer: Peer, client: Client) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    peer.faults[f"/api/v1/file/download/{file.file_id}"] = pending(1)[1:]
    stream = io.BytesIO()
    client.download_to(file.file_id, stream, form="csv")
    assert stream.getvalue() == CONTENT


def test_a_form_that_cannot_be_made_is_not_waited_for(
    peer: Peer, client: Client, tmp_path: Path
) -> None:
    file = peer.add_file("orders.csv", CONTENT)
    body = {"status": 409, "code": "derivative-failed", "detail": "It is too wide."}
    headers = {"Content-Type": "application/problem+json", "Retry-After": "600"}
    refusal = Fault(409, headers, json.dumps(body).encode())
    peer.faults[f"/api/v1/file/download/{file.file_id}"] = [Fault(409, headers), refusal]
    with pytest.raises(errors.Conflict, match="too wide"):
        client.download(file.file_id, tmp_path, form="parquet")
