"""The resumable upload beside the form: in one request, in pieces, and after a cut half-way."""

import os
import time
from base64 import b64encode
from itertools import count
from pathlib import Path

from bench.contenders import Entrepot, entrepot
from bench.pairs import Line, Measure, alternate, at_least, ratios, spread
from bench.transfers import MIB, by_form, random_file
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, WireResponse, request_head

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = 64 * MIB


def resuming(trial: Trial) -> list[Line]:
    """Upload one file by tus and by the form, from the first byte to the answer with the task."""
    file = random_file(trial.folder / "upload.bin", trial.size)
    with entrepot(trial.folder / "entrepot") as ours:
        numbers = count()

        def by_tus(pieces: list[int]) -> Measure:
            def one() -> float:
                os.sync()
                return _upload(ours, file, f"{next(numbers)}.bin", pieces)

            return one

        size = trial.size
        contenders: dict[str, Measure] = {
            "form": by_form(ours, file, numbers),
            "tus, one request": by_tus([size]),
            "tus, two requests": by_tus([size // 2, size - size // 2]),
            "tus, pieces of 64 MiB": by_tus(
                [min(PIECE, size - start) for start in range(0, size, PIECE)]
            ),
        }
        rates = alternate(contenders, trial.pairs)
    form = rates.pop("form")
    return [
        Line("form, MiB/s", f"{spread(form):.0f}"),
        *(Line(f"{name}, MiB/s", f"{spread(values):.0f}") for name, values in rates.items()),
        at_least("one request ÷ form", ratios(rates["tus, one request"], form), 0.8),
        at_least("two requests ÷ form", ratios(rates["tus, two requests"], form), 0.8),
        Line("pieces ÷ form", f"{ratios(rates['tus, pieces of 64 MiB'], form)}"),
    ]


def _upload(ours: Entrepot, file: Path, name: str, pieces: list[int]) -> float:
    """MiB a second, creation included."""
    size = file.stat().st_size
    fields = {"filename": name, "file_size_limit": str(size)}
    pairs = ",".join(f"{k} {b64encode(v.encode()).decode()}" for k, v in fields.items())
    creation = {**ours.headers(), **TUS, "Upload-Length": str(size), "Upload-Metadata": pairs}
    with WireConnection(ours.port) as connection, file.open("rb") as source:
        began = time.perf_counter()
        connection.send(request_head("POST", "/api/v1/uploads", creation, 0))
        address = _expect(connection.answer(), 201).headers["location"]
        offset = 0
        for piece in pieces:
            headers = {
                **ours.headers(),
                **TUS,
                "Content-Type": "application/offset+octet-stream",
                "Upload-Offset": str(offset),
            }
            connection.send(request_head("PATCH", address, headers, piece))
            connection.send_part(source, offset, piece)
            answer = _expect(connection.answer(), 204)
            offset += piece
        took = time.perf_counter() - began
    ours.wait_task(answer.headers["entrepot-task-id"])
    return size / took / MIB


def _expect(answer: WireResponse, status: int) -> WireResponse:
    if answer.status != status:
        raise UnexpectedResponse(f"status {answer.status}: {answer.body[:500]!r}")
    return answer
