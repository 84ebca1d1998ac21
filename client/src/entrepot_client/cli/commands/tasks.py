"""`entrepot tasks`: background work and its outcome."""

from typing import TYPE_CHECKING, Annotated

import typer

from entrepot_client.cli.arguments import EXAMPLE_TASK_ID, check_id, file_address
from entrepot_client.cli.commands.report import suggestion_lines
from entrepot_client.cli.explain import explain_task_failure, rejection_advice
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.progress import ProgressBar
from entrepot_client.cli.session import open_client
from entrepot_client.errors import ResourceNotFound
from entrepot_client.models import File, Task

if TYPE_CHECKING:
    from entrepot_client.client import Client

_KINDS = {
    "file.new": "new file",
    "version.new": "new version",
    "version.restore": "restored version",
    "version.accept": "exception",
    "version.accept-suggestion": "suggestion",
    "version.compare": "comparison",
    "file.validate": "validation",
    "schema.change": "new schema",
}
"""What people call each kind of task."""
_SUCCESSES = {"version.compare": "compared", "file.validate": "valid", "schema.change": "changed"}
"""What a task has done that succeeded, if that is not that a version was published."""
TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="The task's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    tasks = typer.Typer(help="Follow work in the background: deliveries being inspected.")
    tasks.command("list", epilog="Example: entrepot tasks list --limit 5")(list_tasks)
    tasks.command("show", epilog=f"Example: entrepot tasks show {EXAMPLE_TASK_ID}")(show_task)
    tasks.command("watch", epilog=f"Example: entrepot tasks watch {EXAMPLE_TASK_ID}")(watch_task)
    tasks.command("cancel", epilog=f"Example: entrepot tasks cancel {EXAMPLE_TASK_ID}")(cancel_task)
    app.add_typer(tasks, name="tasks", epilog="Example: entrepot tasks list")


def list_tasks(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, show_default=True)] = 20,
) -> None:
    """List your latest tasks."""
    output = output_of(ctx)
    with open_client(output) as client:
        task_list = list(client.tasks(limit))
    output.records(
        [task.document for task in task_list],
        quiet="task_id",
        columns=("task id", "created", "status", "file", "version", "kind"),
        rows=[
            (
                task.task_id,
                task.created_at or "",
                _status(task),
                task.path or task.file_name or "",
                str(task.version or ""),
                _KINDS.get(task.kind, task.kind),
            )
            for task in task_list
        ],
        empty="There are no tasks yet.",
    )


def show_task(ctx: typer.Context, task_id: TaskId) -> None:
    """Show a task as it is now."""
    output = output_of(ctx)
    with open_client(output) as client:
        task = client.task(_checked(task_id))
        print_task(output, task, quiet="status", page=_page(client, task))
        note_warnings(client, task, output)


def watch_task(ctx: typer.Context, task_id: TaskId) -> None:
    """Follow a task until it ends, and end as it did.

    Exit status 0 when it succeeded, 5 when the file's contract rejected the delivery, 1 when it
    failed otherwise or was canceled.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        task = watch_to_end(client, _checked(task_id), output)
        report_outcome(task, output, quiet="status", page=_page(client, task))


def cancel_task(ctx: typer.Context, task_id: TaskId) -> None:
    """Cancel a task. Its version is not published."""
    output = output_of(ctx)
    with open_client(output) as client:
        task = client.cancel(_checked(task_id))
        print_task(output, task, quiet="status", page=_page(client, task))


def _page(client: "Client", task: Task) -> str:
    """The address of the page of a task, which shows its report in a browser."""
    return f"{client.endpoint}/tasks/{task.task_id}"


def _checked(task_id: str) -> str:
    return check_id(task_id, "task", "entrepot tasks list")


def watch_to_end(client: "Client", task_id: str, output: Output) -> Task:
    """Follow a task with a progress bar; the ended task. Ctrl-C leaves it running, with a note."""
    last: Task | None = None
    try:
        with ProgressBar(output, "waiting") as bar:
            for task in client.watch(task_id):
                last = task
                progress = task.progress
                bar.stage(progress.stage, progress.done or 0, progress.total, progress.unit)
    except KeyboardInterrupt:
        output.note(f"The task is still running; follow it with `entrepot tasks watch {task_id}`.")
        raise
    assert last is not None  # `watch` gives at least one
    note_warnings(client, last, output)
    return last


def note_warnings(client: "Client", task: Task, output: Output) -> None:
    """Note the warnings of the report, if the task inspected a file and succeeded."""
    if task.status != "succeeded" or not task.report_url:
        return
    try:
        report = client.report(task)
    except ResourceNotFound:  # deleted meanwhile
        return
    for table in report.get("tasks", []):
        for warning in table.get("warnings", []):
            output.note(f"Warning: {warning}")


def report_outcome(task: Task, output: Output, quiet: str, page: str = "") -> None:
    """Print an ended task if it succeeded. Raises Failure with its reason if it did not."""
    failure = explain_task_failure(task)
    if failure is not None:
        raise failure
    print_task(output, task, quiet, page=page)


def report_delivery(
    client: "Client",
    task: Task,
    output: Output,
    quiet: str,
    path: str = "PATH",
    reference: str | None = None,
    file: File | None = None,
) -> None:
    """As `report_outcome`, of a task that judged a version: a rejection also says how the file is
    continued, with the `path` that was pushed and the `reference` to the file that was typed, and
    what change of the contract is suggested. `file` is the file as it is after the delivery; it is
    fetched if it is left out."""
    failure = explain_task_failure(task)
    if failure is None:
        file = file or client.file(task.file_id or "")
        print_task(output, task, quiet, file_address(client, file), reference)
        return
    if task.rejected:
        failure.do = rejection_advice(task, path, reference)
    if task.rejected and task.report_url is not None:
        try:
            report = client.report(task)
        except ResourceNotFound:  # deleted meanwhile
            report = {}
        lines = suggestion_lines(report)
        if lines:
            import shlex

            name = shlex.quote(reference or task.reference)
            accept = f"entrepot files accept-suggestion {name} {task.version}"
            owner = f"The owner of the file makes that change with `{accept}`."
            failure.do = failure.do.replace("Correct it", "Or correct the file", 1)
            failure.lines = (*failure.lines, *lines, owner)
            failure.figures = {**failure.figures, "suggested": report["suggested"]}
    raise failure


def print_task(
    output: Output,
    task: Task,
    quiet: str,
    address: str = "",
    reference: str | None = None,
    page: str = "",
) -> None:
    """Print one task; `quiet` is the key of its main value, `address` that of its file, `page` that
    of its page, and `reference` what the person calls the file; its id if they have not named
    it."""
    error = (task.error or {}).get("detail")
    lines = {
        "file": task.file_name or "",
        "version": str(task.version or ""),
        "status": _status(task),
        "stage": "" if task.ended else task.progress.stage,
        "error": str(error or ""),
        "address": address,
        "report": _report_command(task, reference),
        "page": page,
        "file id": task.file_id or "",
        "task id": task.task_id,
        "created": task.created_at or "",
        "finished": task.finished_at or "",
    }
    fields = {label: text for label, text in lines.items() if text}
    output.record(task.document, quiet=quiet, shown=fields)


def _status(task: Task) -> str:
    """The status for people: what happened to the version, where there is one."""
    if task.status == "succeeded":
        return _SUCCESSES.get(task.kind, "published")
    return "rejected" if task.rejected else task.status


def _report_command(task: Task, reference: str | None) -> str:
    """The command that shows the task's report, if it is a version's."""
    if not task.report_url or task.version is None or not task.file_id:
        return ""
    import shlex

    return f"entrepot report {shlex.quote(reference or task.file_id)} --version {task.version}"
