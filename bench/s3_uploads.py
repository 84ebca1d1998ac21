"""Uploads to a store in S3, beside what the store takes without us.

The store is SeaweedFS from the wheel of the tests, on this machine: it shares the cores with all
contenders. The peer sends the same parts to addresses that were signed before, from the file with
sendfile(2), and hashes nothing.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.contenders import entrepot
from bench.pairs import Line, Measure, alternate, at_least, ratios, spread
from bench.processes import PeerMissing
from bench.transfers import MIB, by_form, random_file
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, request_head

MAX_BYTES = 256 * MIB
"""Of the file: the store keeps what was deleted until it compacts its volumes."""
PART_BYTES = 8 * MIB
"""As the first parts of the server's own uploads."""


def upload_to_s3(trial: Trial) -> list[Line]:
    """Upload a file (256 MiB at most) to a server whose store is S3, against raw multipart puts."""
    try:
        from tests.support.seaweedfs import environment, new_prefix, running_seaweedfs
    except ImportError as error:
        raise PeerMissing(f"{error.name} is missing: uv sync --group bench") from None
    file = random_file(trial.folder / "upload.bin", min(trial.size, MAX_BYTES))
    with ExitStack() as stack:
        store = stack.enter_context(running_seaweedfs())
        address = f"s3://entrepot-tests/{new_prefix()}"
        variables = {**store.environment, "ENTREPOT_STORE": address}
        stack.enter_context(environment(variables))
        ours = stack.enter_context(entrepot(trial.folder / "entrepot"))
        contenders: dict[str, Measure] = {"entrepot": by_form(ours, file, count())}
        for at_once in (1, 2):
            contenders[f"parts, {at_once} at once"] = partial(put_parts, file, at_once)
        rates = alternate(contenders, trial.pairs)
    mine = rates["entrepot"]
    return [
        *(Line(f"{name}, MiB/s", f"{spread(values):.0f}") for name, values in rates.items()),
        at_least("form ÷ raw parts, one by one", ratios(mine, rates["parts, 1 at once"]), 0.8),
        at_least("form ÷ raw parts, two at once", ratios(mine, rates["parts, 2 at once"]), 0.8),
    ]


def put_parts(file: Path, at_once: int) -> float:
    """Put a file as one multipart upload, `at_once` parts at a time, and remove it: MiB/s."""
    from tests.support.seaweedfs import BUCKET, open_test_bucket

    client, size = open_test_bucket("").client, file.stat().st_size
    target: dict[str, Any] = {"Bucket": BUCKET, "Key": f"raw/{uuid4().hex}"}
    starts = range(0, size, PART_BYTES)
    began = time.perf_counter()
    upload = client.create_multipart_upload(**target)["UploadId"]
    named = {**target, "UploadId": upload}
    links = [
        client.generate_presigned_url("upload_part", Params={**named, "PartNumber": number + 1})
        for number in range(len(starts))
    ]

    def send(share: int) -> list[dict[str, Any]]:
        parts = []
        port = urlsplit(links[0]).port
        if port is None:
            raise UnexpectedResponse("the store's address has no port")
        with WireConnection(port) as connection, file.open("rb") as source:
            for number in range(share, len(starts), at_once):
                link, length = urlsplit(links[number]), min(PART_BYTES, size - starts[number])
                head = request_head(
                    "PUT", f"{link.path}?{link.query}", {"Host": link.netloc}, length
                )
                connection.send(head)
                connection.send_part(source, starts[number], length)
                answer = connection.answer()
                if answer.status != 200:
                    raise UnexpectedResponse(f"status {answer.status}: {answer.body[:300]!r}")
                parts.append({"PartNumber": number + 1, "ETag": answer.headers["etag"]})
        return parts

    with ThreadPoolExecutor(at_once) as threads:
        parts = [part for share in threads.map(send, range(at_once)) for part in share]
    parts.sort(key=lambda part: int(part["PartNumber"]))
    client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})  # type: ignore[typeddict-item]
    seconds = time.perf_counter() - began
    client.delete_object(**target)
    return size / seconds / MIB
