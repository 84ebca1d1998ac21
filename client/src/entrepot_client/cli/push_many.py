"""`entrepot push` of several files and folders: progress, and a summary of the outcomes."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from entrepot_client.batch import (
    BatchOptions,
    LocalPath,
    PushedPath,
    files_below,
    indistinct,
    push_batch,
    wait_for_batch,
)
from entrepot_client.cli.explain import THROUGH_STDIN, explain, explain_task_failure
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.session import open_client
from entrepot_client.counts import counted

_MAX_SHOWN = 20
"""Paths that did not arrive, as people see them; `--format json` has all."""


def push_many(output: Output, paths: Sequence[str], options: BatchOptions, wait: bool) -> None:
    """Upload all of them, then print the result of each. Raises Failure if any did not arrive."""
    files = _expand(paths)
    with open_client(output) as client:
        with ProgressBar(output, "uploading") as bar:
            results = push_batch(
                client, files, options, lambda done, n: bar.stage("uploading", done, n, "files")
            )
        if wait:
            with ProgressBar(output, "inspecting") as bar:
                results = wait_for_batch(
                    client, results, lambda done, n: bar.stage("inspecting", done, n, "files")
                )
    failure = _failure(results)
    if output.format is not output.format.HUMAN or len(results) <= _MAX_SHOWN:
        output.records(
            [_document(result) for result in results],
            quiet="file_id" if wait else "task_id",
            columns=("file id" if wait else "task id", "outcome", "version", "path"),
            rows=[_row(result, wait) for result in results],
            empty="",
        )
    counts = Counter(result.outcome for result in results)
    output.note(", ".join(f"{count:,} {outcome}" for outcome, count in counts.items()) + ".")
    if failure is not None:
        raise failure


def _expand(paths: Sequence[str]) -> list[LocalPath]:
    files: list[LocalPath] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            raise Failure(
                "Stdin is pushed by itself.", "Leave the other paths out.", ExitStatus.WRONG_USAGE
            )
        if path.is_dir():
            files += files_below(path)
        elif path.is_file():
            files.append(LocalPath(path))
        else:
            raise no_file(text)
    if not files:
        folders = ", ".join(map(repr, paths))
        raise Failure(
            f"There is no file to push in {folders}.",
            "Hidden files and links are left out of a folder; name them to push them.",
            ExitStatus.WRONG_USAGE,
        )
    for name, same in indistinct(files).items():
        raise Failure(
            f"Several paths have the name {name!r}, and would be one file.",
            "Push the folder that holds them: each gets an address such as FOLDER/a/x.csv, if its"
            " names have only letters, digits, `.`, `_` and `-`. Or push them one by one, with --to"
            " or --path.",
            ExitStatus.WRONG_USAGE,
            tuple(map(str, same)),
        )
    return files


def no_file(path: str) -> Failure:
    """The failure for a path that is not a regular file. Raises OSError if the system does not
    say what it is, as in a folder without rights."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return Failure(
            f"There is no file {path!r}.",
            "See `entrepot push --help` for what it takes and an example.",
            ExitStatus.WRONG_USAGE,
        )
    # A pipe, such as `<(…)` of a shell, or a device.
    return Failure(f"{path!r} is not a regular file.", THROUGH_STDIN, ExitStatus.WRONG_USAGE)


def _failure(results: Sequence[PushedPath]) -> Failure | None:
    """Which paths did not arrive and why; the status is that of all, if they agree."""
    lines, statuses = [], []
    for result in results:
        reason = _reason(result)
        if reason is not None:
            names_it = reason.what.startswith(str(result.path))
            lines.append(reason.what if names_it else f"{result.path}: {reason.what}")
            statuses.append(reason.status)
    if not lines:
        return None
    first_lines = lines[:_MAX_SHOWN]
    if len(lines) > len(first_lines):
        first_lines.append(f"… and {len(lines) - len(first_lines):,} more")
    return Failure(
        f"Not published: {len(lines):,} of {counted(len(results), 'file')}.",
        "Correct them and run the same command again: only what is missing or changed is sent.",
        statuses[0] if len(set(statuses)) == 1 else ExitStatus.FAILED,
        tuple(first_lines),
    )


def _reason(result: PushedPath) -> Failure | None:
    if result.error is not None:
        return explain(result.error) or Failure(str(result.error))
    return explain_task_failure(result.task) if result.task is not None else None


def _document(result: PushedPath) -> dict[str, object]:
    reason = _reason(result)
    return {
        "path": str(result.path),
        "outcome": result.outcome,
        "file_id": result.file_id,
        "version": result.version,
        "task_id": result.task_id,
        "error": reason.what if reason else None,
    }


def _row(result: PushedPath, wait: bool) -> tuple[str, ...]:
    first = result.file_id if wait else result.task_id
    return (first or "", result.outcome, str(result.version or ""), str(result.path))
