"""Explain each error of the client to the person at the terminal, with its exit status."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from entrepot_client import errors
from entrepot_client.cli.arguments import OPTION_NAMES
from entrepot_client.cli.failures import DetailTable, ExitStatus, Failure
from entrepot_client.cli.output import short_time
from entrepot_client.cli.sizes import format_size
from entrepot_client.counts import counted
from entrepot_client.field_sentences import field_sentence
from entrepot_client.models import Task

_SIZES = {
    "requested": "needed",
    "limit": "size limit",
    "used": "used",
    "reserved": "reserved",
    "quota": "quota",
    "free": "free",
    "size": "size",
    "file_size": "size",
    "file_size_limit": "size limit",
}
"""What figures of bytes are called."""
THROUGH_STDIN = "Send what it gives through stdin: `entrepot push - --name NAME < PATH`."
"""What to do with a path that is not a file on a disk."""
_MAX_ERRORS = 10
"""Errors of a report that the terminal shows."""
_MAX_ALIKE = 3
"""Errors of one kind in one column that the terminal shows: more of them say nothing new."""
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
        "Check the id or the name. Lists such as `entrepot files list` show what you can see.",
    ),
    errors.OverLimit: (
        ExitStatus.OVER_LIMIT,
        "See `entrepot quota`; remove files, or ask for a larger quota.",
    ),
    errors.TooManyRequests: (ExitStatus.OVER_LIMIT, "Wait a moment, then try again."),
    errors.ServerFailed: (ExitStatus.FAILED, "Try again later, or tell the server's operator."),
    errors.Conflict: (ExitStatus.FAILED, ""),
    errors.ProblemError: (
        ExitStatus.WRONG_USAGE,
        "The command's `--help` shows an example.",
    ),
}
"""What a problem means; the first class that matches."""
_CLIENT_ADVICE: dict[type[errors.ClientError], tuple[ExitStatus, str]] = {
    errors.Unreachable: (ExitStatus.FAILED, "Check the address and the network, then try again."),
    errors.NoSuchFile: (
        ExitStatus.NOT_FOUND,
        "`entrepot files list` lists the files that you can see.",
    ),
    errors.BadEndpoint: (ExitStatus.WRONG_USAGE, "Give it like https://files.example.com."),
    errors.BadKey: (ExitStatus.NOT_ALLOWED, "Copy the key again."),
    errors.NameNotText: (ExitStatus.WRONG_USAGE, "Give another name with --name."),
    errors.TargetExists: (
        ExitStatus.FAILED,
        "Give --force to replace it, or another path with -o.",
    ),
    errors.LocalFileChanged: (
        ExitStatus.FAILED,
        "Push it again when nothing writes to it any more.",
    ),
    errors.LocalFileSizeWrong: (ExitStatus.WRONG_USAGE, THROUGH_STDIN),
    errors.RemoteFileChanged: (ExitStatus.FAILED, "Discard what was written and pull again."),
    errors.DownloadCorrupted: (
        ExitStatus.FAILED,
        "The bytes were damaged on the way; pull again.",
    ),
    errors.BadAnswer: (
        ExitStatus.FAILED,
        "Check that the endpoint is an Entrepot server's address.",
    ),
}
"""What an error between client and server means; the first class that matches."""
_ADVICE_BY_FIELD = {
    "current_password": "Enter it again, or ask an admin for a link that resets it.",
    "file": "Check how the file was made, then send it again.",
}
_ADVICE_BY_CODE = {
    "file-busy": "Wait until `entrepot tasks list` shows that they have ended.",
    "last-admin": "Make another user an admin first.",
    "name-taken": "Choose another name.",
    "quarantine-ended": "`entrepot files versions FILE` shows the status of each version.",
    "shares-not-accepted": "Ask them to accept your account: `entrepot senders accept ACCOUNT`.",
    "suggestion-outdated": "Push the file again: it is checked with the contract as it is now.",
    "too-many-keys": "Revoke one that is not used: `entrepot keys list`.",
    "too-many-links": "Revoke one that is not used: `entrepot links list FILE`.",
    "user-owns-files": "Give them to another user first: `entrepot files hand-over FILE USER`.",
    "version-deleted": "`entrepot files versions FILE` shows which versions are left.",
    "version-withdrawn": "`entrepot files versions FILE` shows which versions are left.",
    "link-ended": "Ask the owner of the file for a new link.",
    "version-not-published": "`entrepot files versions FILE` shows the status of each version.",
    "version-not-rejected": "`entrepot files versions FILE` shows the status of each version.",
    "no-published-version": "`entrepot tasks list` shows the task of its delivery.",
    "file-too-large": "Raise the limit: `entrepot files edit FILE --size-limit SIZE`.",
    "size-limit-too-small": "Choose a limit that the current version keeps.",
    "nothing-to-undo": "A deletion can be undone for 7 days.",
    "version-is-current": "Push or restore another version first, or delete the file:"
    " `entrepot files rm FILE`.",
    "path-taken": "Choose another path, or give the file that has it another one first:"
    " `entrepot files edit FILE --path NEW`.",
    "no-suggestion": "Correct the file, or change its schema: `entrepot schema set FILE SCHEMA`.",
}


def explain(error: Exception, arguments: Sequence[str] = ()) -> Failure | None:
    """The failure for an error of the client or the system; None for an unexpected error.

    `arguments` are those of the command, for advice that repeats it.
    """
    if isinstance(error, errors.ProblemError):
        return _explain_problem(error)
    if isinstance(error, errors.AmbiguousFile):
        return _explain_ambiguous(error, arguments)
    if isinstance(error, errors.ClientError):
        return _explain_client_error(error)
    if isinstance(error, UnicodeEncodeError):
        # Bytes of a path or an argument that are not text; Python keeps them as surrogates.
        return Failure(
            "A name or an argument is not valid UTF-8.",
            "Type it again. A file can be sent under another name with --name.",
            ExitStatus.WRONG_USAGE,
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Failure(f"{where}{error.strerror or error}.", "Check the path and its rights.")
    return None


def explain_task_failure(task: Task) -> Failure | None:
    """Why an ended task did not succeed; None if it did."""
    if task.status == "succeeded":
        return None
    if task.status == "canceled":
        return Failure(f"The task {task.task_id} was canceled.", "", figures=_task_figures(task))
    problem = errors.problem_from(task.error or {})
    if task.rejected:
        summary = str(problem) or "The delivery breaks the file's contract."
        what, lines = rejection_lines(summary, problem.errors, _error_count(problem))
        advice = rejection_advice(task)
        return Failure(what, advice, ExitStatus.REJECTED, lines, _task_figures(task))
    failure = _explain_problem(problem)
    failure.figures = _task_figures(task)
    return failure


def rejection_advice(task: Task, path: str = "PATH", reference: str | None = None) -> str:
    """What to do about a rejected delivery: the file exists, and the next version continues it.

    `reference` is what the person calls the file; its path or id if they have not named it.
    """
    if not task.file_id:
        return ""
    import shlex

    file, sent = shlex.quote(reference or task.reference), shlex.quote(path)
    report = ""
    if task.version is not None:
        report = f" The report: `entrepot report {file} --version {task.version}`."
    return f"Correct it, then run `entrepot push {sent} --to {file}`.{report}"


def _task_figures(task: Task) -> Mapping[str, Any]:
    return {"task": task.document}


def _explain_problem(problem: errors.ProblemError) -> Failure:
    lines = [with_options(line) for line in _first_errors(problem)]
    is_rate_limit = isinstance(
        problem, errors.TooManyRequests
    )  # its limit is of requests, not bytes
    if not is_rate_limit and (size_line := _format_sizes(problem.figures, str(problem))):
        lines.append(size_line)
    if problem.request_id and isinstance(problem, errors.ServerFailed):
        lines.append(f"Request id: {problem.request_id}")
    status, advice = _advice(problem)
    what = str(problem)
    if example := problem.figures.get("example"):
        what = what.removesuffix(f" Example: {example}")
        option = OPTION_NAMES.get(str(problem.figures.get("field")), "")
        advice = f"For example: {f'{option} ' if option.startswith('--') else ''}{example}"
    field = str(problem.figures.get("field") or "")
    return Failure(
        with_options(what, field), advice, status, tuple(lines), {"problem": problem.document}
    )


def with_options(text: str, field: str = "") -> str:
    """A sentence of the server that begins with a field of the API, with the option's name.

    `field` is the one that the sentence is about, which it has as code. Without it, only a name
    before a colon is a field's: what is code may also be a column.
    """
    code = re.match(rf"`{re.escape(field)}`:? ", text) if field else None
    begin = code or re.match(r"[\w.]+: ", text)
    name = field if code else text.partition(": ")[0]
    option = OPTION_NAMES.get(re.sub(r"\.\d+$", "", name))  # or an item of a list
    return text if begin is None or option is None else field_sentence(option, text[begin.end() :])


def _advice(problem: errors.ProblemError) -> tuple[ExitStatus, str]:
    kind, (status, advice) = next(row for row in _ADVICE.items() if isinstance(problem, row[0]))
    if not problem.code and kind in (errors.ResourceNotFound, errors.ProblemError):
        # Entrepot explains each refusal: this is another server, or another path of a proxy.
        status, advice = _CLIENT_ADVICE[errors.BadAnswer]
    if (field := problem.figures.get("field")) in _ADVICE_BY_FIELD:
        advice = _ADVICE_BY_FIELD[str(field)]
    advice = _ADVICE_BY_CODE.get(problem.code, advice)
    if isinstance(problem, errors.Forbidden) and " Ask an admin " in str(problem):
        advice = ""  # the server says what to do
    if problem.retry_after:
        advice = f"Try again in {counted(round(problem.retry_after), 'second')}."
    return status, advice


def _explain_client_error(error: errors.ClientError) -> Failure:
    match error:
        case errors.Unreachable(may_have_arrived=True):
            advice = "It may have arrived: see `entrepot tasks list` before you send it again."
            return Failure(str(error), advice)
        case errors.Unreachable(refused=True):
            advice = "Start the server, or sign in to another one: `entrepot auth login`."
            return Failure(str(error), advice)
        case errors.NotConfigured(advice=advice):
            return Failure(str(error), advice, ExitStatus.NOT_ALLOWED)
        case errors.NoSuchVersion(file_id=file_id):
            advice = f"`entrepot files versions {file_id}` lists its versions."
            return Failure(str(error), advice, ExitStatus.NOT_FOUND)
        case errors.FileOverSizeLimit(size=size):
            advice = (
                f"Give a --size-limit of at least {counted(size, 'byte')} ({format_size(size)})."
            )
            return Failure(str(error), advice, ExitStatus.OVER_LIMIT)
    kinds = (row for kind, row in _CLIENT_ADVICE.items() if isinstance(error, kind))
    status, advice = next(kinds, (ExitStatus.FAILED, ""))
    return Failure(str(error), advice, status)


def _explain_ambiguous(error: errors.AmbiguousFile, arguments: Sequence[str]) -> Failure:
    rows = [
        (file.file_id, file.path or "", file.user_name, short_time(file.created_at))
        for file in error.files
    ]
    paths = {file.path for file in error.files if file.path}
    advice = "Give an id or a path." if paths - {error.reference} else "Give an id."
    newest = sorted(error.files, key=lambda file: file.created_at)[-1]
    if command := _with_other_file(arguments, error.reference, newest.file_id):
        advice += f" For the newest file: `{command}`."
    return Failure(
        f"{error.what}.",
        advice,
        ExitStatus.WRONG_USAGE,
        figures={"file_ids": list(error.file_ids)},
        table=DetailTable(("id", "path", "owner", "created (UTC)"), rows),
    )


def _with_other_file(arguments: Sequence[str], reference: str, file_id: str) -> str:
    """The command with the id in the place of what was typed; empty if it is not there."""
    import shlex

    changed = [
        file_id
        if word == reference
        else word.removesuffix(reference) + file_id
        if word.startswith("--") and word.endswith(f"={reference}")
        else word
        for word in arguments
    ]
    return f"entrepot {shlex.join(changed)}" if changed != list(arguments) else ""


def _format_sizes(figures: Mapping[str, Any], sentence: str) -> str:
    sizes = [
        (label, figures[name])
        for name, label in _SIZES.items()
        if isinstance(figures.get(name), int) and not isinstance(figures[name], bool)
    ]
    if all(f"{size:,}" in sentence for _, size in sizes):
        return ""
    return ", ".join(f"{label} {format_size(size)}" for label, size in sizes)


def _first_errors(problem: errors.ProblemError) -> tuple[str, ...]:
    lines = [describe_error(item) for item in problem.errors[:_MAX_ERRORS]]
    if len(lines) == 1 and lines[0] in str(problem):
        return ()
    remaining = _error_count(problem) - len(lines)
    return (*lines, f"… and {remaining:,} more") if remaining else tuple(lines)


def _error_count(problem: errors.ProblemError) -> int:
    """How many errors there are: a document lists some and counts them all."""
    error_count = problem.figures.get("error_count")
    return max(error_count if isinstance(error_count, int) else 0, len(problem.errors))


def rejection_lines(
    summary: str, listed: Sequence[Mapping[str, Any]], error_count: int, most: int = _MAX_ERRORS
) -> tuple[str, tuple[str, ...]]:
    """A report as a sentence and lines for further errors, each of them once.

    `listed` are some of its `error_count` errors. The summary is a sentence of figures and the
    first errors: where all errors fit in lines, it is the figures alone. At most `most` lines.
    """
    if error_count <= 1 or not listed:
        return summary, ()
    if error_count == len(listed) <= most:
        figures, full_stop, _ = summary.partition(". ")
        return f"{figures}{full_stop.rstrip()}", tuple(map(describe_error, listed))
    lines: list[str] = []
    alike: Counter[tuple[object, object]] = Counter()
    for error in listed:
        kind, line = (error.get("type"), error.get("fieldName")), describe_error(error)
        alike[kind] += 1
        if alike[kind] <= _MAX_ALIKE and line not in summary and len(lines) < most:
            lines.append(line)
    quoted = sum(describe_error(error) in summary for error in listed)
    remaining = error_count - len(lines) - quoted
    return summary, (*lines, f"… and {remaining:,} more") if remaining > 0 else tuple(lines)


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
