"""Explain each error of the client to the person at the terminal, with its exit status."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrepot_client import errors
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.sizes import format_size
from entrepot_client.models import Task

_SIZES = ("requested", "limit", "used", "reserved", "quota", "free", "size")
_MAX_ERRORS = 10
"""Errors of a report that the terminal shows."""
_ADVICE: dict[type[errors.ProblemError], tuple[ExitStatus, str]] = {
    errors.NotSignedIn: (
        ExitStatus.NOT_ALLOWED,
        "Run `entrepot auth login` with a valid key.",
    ),
    errors.Forbidden: (
        ExitStatus.NOT_ALLOWED,
        "Use a key that may do this, or ask an admin of the account.",
    ),
    errors.ResourceNotFound: (
        ExitStatus.NOT_FOUND,
        "Check the id: `entrepot files list` and `entrepot tasks list` show yours.",
    ),
    errors.OverLimit: (
        ExitStatus.OVER_LIMIT,
        "See `entrepot quota`; remove files, or ask for a larger quota.",
    ),
    errors.TooManyRequests: (ExitStatus.OVER_LIMIT, "Wait a moment, then try again."),
    errors.ServerFailed: (ExitStatus.FAILED, "Try again later, or tell the server's operator."),
    errors.Conflict: (ExitStatus.FAILED, "Look at its present state, then decide."),
    errors.ProblemError: (
        ExitStatus.WRONG_USAGE,
        "Correct the request; `--help` shows an example.",
    ),
}
"""What an error means; the first class that matches."""
_ADVICE_BY_CODE = {
    "file-too-large": "Define it with a larger --size-limit, or deliver less.",
    "no-published-version": "Follow its delivery: `entrepot tasks list` shows the task.",
}


def explain(error: Exception) -> Failure | None:
    """The failure for an error of the client or the system; None for an unexpected error."""
    if isinstance(error, errors.ProblemError):
        return _explain_problem(error)
    if isinstance(error, errors.ClientError):
        return _explain_client_error(error)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return Failure(f"{error.strerror or error}{where}.", "Check the path and its rights.")
    return None


def explain_task_failure(task: Task) -> Failure | None:
    """Why an ended task did not succeed; None if it did."""
    if task.status == "succeeded":
        return None
    if task.status == "canceled":
        return Failure(f"The task {task.task_id} was canceled.", "", figures=_task_figures(task))
    problem = errors.problem_from(task.error or {})
    if task.rejected:
        more = f" The report: `entrepot api GET {task.report_url}`." if task.report_url else ""
        return Failure(
            str(problem) or "The delivery breaks the file's contract.",
            f"Correct the file and push it again.{more}",
            ExitStatus.REJECTED,
            _first_errors(problem),
            _task_figures(task),
        )
    failure = _explain_problem(problem)
    failure.figures = _task_figures(task)
    return failure


def _task_figures(task: Task) -> Mapping[str, Any]:
    return {"task": task.document}


def _explain_problem(problem: errors.ProblemError) -> Failure:
    lines = list(_first_errors(problem))
    is_rate_limit = isinstance(
        problem, errors.TooManyRequests
    )  # its limit is of requests, not bytes
    if not is_rate_limit and (size_line := _format_sizes(problem.figures)):
        lines.append(size_line)
    if problem.request_id and isinstance(problem, errors.ServerFailed):
        lines.append(f"Request id: {problem.request_id}")
    status, advice = _advice(problem)
    return Failure(str(problem), advice, status, tuple(lines), {"problem": problem.document})


def _advice(problem: errors.ProblemError) -> tuple[ExitStatus, str]:
    status, advice = next(row for kind, row in _ADVICE.items() if isinstance(problem, kind))
    advice = _ADVICE_BY_CODE.get(problem.code, advice)
    if problem.retry_after:
        advice = f"Try again in {problem.retry_after:.0f} seconds."
    return status, advice


def _explain_client_error(error: errors.ClientError) -> Failure:
    match error:
        case errors.Unreachable(may_have_arrived=True):
            advice = "It may have arrived: see `entrepot tasks list` before you send it again."
        case errors.Unreachable():
            advice = "Check the endpoint and the network, then try again."
        case errors.BadEndpoint():
            return Failure(
                str(error), "Give it like https://files.example.com.", ExitStatus.WRONG_USAGE
            )
        case errors.BadKey():
            return Failure(str(error), "Copy the key anew.", ExitStatus.NOT_ALLOWED)
        case errors.FileOverSizeLimit(size=size):
            advice = f"Give a --size-limit of at least {size} bytes ({format_size(size)})."
            return Failure(str(error), advice, ExitStatus.OVER_LIMIT)
        case errors.TargetExists():
            advice = "Give --force to replace it, or another path with -o."
        case errors.LocalFileChanged():
            advice = "Push it again when nothing writes to it any more."
        case errors.RemoteFileChanged():
            advice = "Throw away what was written and pull again."
        case errors.DownloadCorrupted():
            advice = "The bytes were damaged on the way; pull again."
        case _:
            advice = "Check that the endpoint is an Entrepot server's address."
    return Failure(str(error), advice)


def _format_sizes(figures: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {format_size(figures[name])}"
        for name in _SIZES
        if isinstance(figures.get(name), int) and not isinstance(figures[name], bool)
    ]
    return ", ".join(parts)


def _first_errors(problem: errors.ProblemError) -> tuple[str, ...]:
    items = problem.errors
    lines = listed_errors(items[:_MAX_ERRORS], str(problem))
    # A document lists some errors and counts them all.
    error_count = problem.figures.get("error_count")
    remaining = max(error_count if isinstance(error_count, int) else 0, len(items)) - len(lines)
    return (*lines, f"… and {remaining:,} more") if lines and remaining else tuple(lines)


def listed_errors(errors: Sequence[Mapping[str, Any]], summary: str) -> list[str]:
    """Each error in a sentence; none if the summary above it has the only one."""
    lines = [describe_error(error) for error in errors]
    return [] if len(lines) == 1 and lines[0] in summary else lines


def describe_error(error: Mapping[str, Any]) -> str:
    """One error in a sentence: of a report, whose `message` is the server's own, or of a form."""
    if message := error.get("message"):
        return str(message)
    place = []
    if error.get("rowNumber") is not None:
        place.append(f"row {error['rowNumber']}")
    if name := error.get("fieldName") or error.get("field") or error.get("pointer"):
        place.append(str(name))
    reason = error.get("note") or error.get("detail") or error.get("reason")
    reason = str(reason or error.get("title") or error.get("type") or "is wrong")
    return f"{', '.join(place)}: {reason}" if place else reason
