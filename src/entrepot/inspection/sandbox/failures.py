"""The inspection of a file whose process did not live to tell."""

from entrepot.inspection.report.report import file_report, problem
from entrepot.inspection.results import Converted, Inspection, InspectionRequest

UNKNOWN = "application/octet-stream"


def inspection_limited(request: InspectionRequest, bound: str) -> Inspection:
    """The file took more than `bound` (figure and unit, in words)."""
    detail = f"The inspection was ended: it needs more than {bound}, which is the limit."
    return _ended(request, "resource-limit", detail)


def inspection_crashed(request: InspectionRequest, how: str) -> Inspection:
    """The file made its reader crash, by the signal `how`."""
    detail = f"The file cannot be read: it is malformed so that its reader fails ({how})."
    return _ended(request, "source-error", detail)


def conversion_limited(bound: str) -> Converted:
    """Making the form took more than `bound` (figure and unit, in words)."""
    detail = f"It was ended: it needs more than {bound}, which is the limit."
    return Converted("resource-limit", None, detail)


def conversion_crashed(how: str) -> Converted:
    """The file made its reader crash, by the signal `how`."""
    detail = f"It cannot be read: it is malformed so that its reader fails ({how})."
    return Converted("source-error", None, detail)


def _ended(request: InspectionRequest, kind: str, detail: str) -> Inspection:
    """Without a contract nothing is rejected: the file is welcome, and the report says why
    nothing more is known of it."""
    finding = problem("source-error", detail)
    free = request.mode == "none"
    return Inspection(
        verdict="conforms" if free else kind,  # type: ignore[arg-type]
        report=file_report(
            request.file_name,
            request.size,
            [] if free else [finding],
            warnings=[detail] if free else [],
            summary=detail,
        ),
        profile={"file": {"bytes": request.size}},
        schema=request.schema,
        media_type=UNKNOWN,
        row_count=None,
        detail=detail,
    )
