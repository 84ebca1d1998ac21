"""The result for a file whose sandbox process ended without an answer."""

import mimetypes
from dataclasses import replace

from entrepot.inspection.report.report import file_report, finish_errors, problem
from entrepot.inspection.results import Converted, Inspection, InspectionRequest

UNKNOWN = "application/octet-stream"
NOT_INSPECTED = (
    "The inspection could not be run, by a fault of this server: the file is published as it was"
    " delivered, and nothing in it was looked at."
)
MEDIA_TYPES = mimetypes.MimeTypes()
"""By the name of a file, as Python knows them: those of the host would differ between hosts."""


def inspection_limited(request: InspectionRequest, reason: str, starved: bool) -> Inspection:
    """The file passed a limit: `reason` is a sentence with the figures. `starved`: others took the
    processor, so that it may do better at another time."""
    ended = _ended(request, "resource-limit", f"The inspection was ended: {reason}")
    return replace(ended, starved=starved)


def inspection_crashed(request: InspectionRequest, signal_name: str) -> Inspection:
    """The reader crashed on the file, with the signal `signal_name`."""
    detail = f"The file cannot be read: it is malformed so that its reader fails ({signal_name})."
    return _ended(request, "source-error", detail)


def uninspected(file_name: str, size: int) -> Inspection:
    """A file of `size` bytes without a contract, whose inspection could not run."""
    media_type, packed = MEDIA_TYPES.guess_type(file_name)
    return Inspection(
        verdict="conforms",
        report=file_report(file_name, size, [], warnings=[NOT_INSPECTED], summary=NOT_INSPECTED),
        profile={"file": {"bytes": size}},
        schema=None,
        media_type=media_type if media_type and not packed else UNKNOWN,
        row_count=None,
        detail=NOT_INSPECTED,
    )


def conversion_limited(reason: str) -> Converted:
    """Making the form passed a limit: `reason` is a sentence with the figures."""
    return Converted("resource-limit", None, f"It was ended: {reason}")


def conversion_crashed(signal_name: str) -> Converted:
    """The reader crashed on the file, with the signal `signal_name`."""
    detail = f"It cannot be read: it is malformed so that its reader fails ({signal_name})."
    return Converted("source-error", None, detail)


def _ended(request: InspectionRequest, kind: str, detail: str) -> Inspection:
    """Without a contract nothing is rejected: the file is accepted, and the report says why it
    could not be read."""
    finding = problem(kind, detail[:1].lower() + detail[1:].rstrip("."))
    finish_errors([finding], "line")
    without_contract = request.mode == "none"
    return Inspection(
        verdict="conforms" if without_contract else kind,  # type: ignore[arg-type]
        report=file_report(
            request.file_name,
            request.size,
            [] if without_contract else [finding],
            warnings=[detail] if without_contract else [],
            summary=detail,
        ),
        profile={"file": {"bytes": request.size}},
        schema=request.schema,
        media_type=UNKNOWN,
        row_count=None,
        detail=detail,
    )
