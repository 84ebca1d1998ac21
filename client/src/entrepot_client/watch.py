"""Follow a task until it ends: through its event stream, or by polling if that does not work.

The stream (`GET /api/v1/task/{id}/events`, server-sent events) has the whole task in every event
named `task`. A broken stream is resumed with `Last-Event-ID`. A proxy may not let streams through
at all: then the task is polled, at first often.
"""

import json
import time
from collections.abc import Callable, Iterator

from entrepot_client.connections import OpenAnswer, Timeouts
from entrepot_client.errors import BadAnswer, ProblemError, Unreachable
from entrepot_client.models import Task
from entrepot_client.paths import task_path
from entrepot_client.transport import Transport

# Seconds without a byte, heartbeats included, after which a stream counts as broken.
_IDLE_SECONDS = 30.0
# Broken streams in a row, without one event between them, after which the task is polled.
_MAX_BREAKS = 3
# A restart of the server may take longer than the attempts of a single read: about a minute.
_ATTEMPT_FACTOR = 3
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 2.0
"""Between two looks at a task, where events cannot be followed."""


def get_task(transport: Transport, task_id: str, attempt_factor: int = 1) -> Task:
    """The task's current state. Raises ResourceNotFound, and whatever a request raises."""
    return Task.from_document(transport.get(task_path(task_id), attempt_factor=attempt_factor))


def follow(transport: Transport, task_id: str, sleep: Callable[[float], None]) -> Iterator[Task]:
    """The task's states as they change; the last one has ended. At least one.

    `sleep` waits for seconds. Raises ResourceNotFound and Forbidden immediately, Unreachable if the
    server stays away for as long as requests are retried (about a minute).
    """
    last_event_id, breaks = "", 0
    while breaks < _MAX_BREAKS:
        try:
            for task, event_id in _events(transport, task_id, last_event_id):
                last_event_id, breaks = event_id, 0
                yield task
                if task.ended:
                    return
        except (Unreachable, ProblemError, BadAnswer) as error:
            if isinstance(error, BadAnswer):
                break
        breaks += 1
        # The stream ended early. One GET also reports errors that a broken stream does not.
        task = get_task(transport, task_id, _ATTEMPT_FACTOR)
        if task.ended:
            yield task
            return
        sleep(_MIN_PAUSE_SECONDS * 2**breaks)
    yield from _poll(transport, task_id, sleep)


def follow_to_end(
    transport: Transport, task_id: str, on_change: Callable[[Task], None] | None = None
) -> Task:
    """The task once it has ended; `on_change` gets each state. Raises as `follow` does."""
    task: Task | None = None
    for task in follow(transport, task_id, time.sleep):
        if on_change is not None:
            on_change(task)
    assert task is not None  # `follow` gives at least one
    return task


def _events(transport: Transport, task_id: str, last_event_id: str) -> Iterator[tuple[Task, str]]:
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    path = f"{task_path(task_id)}/events"
    with transport.stream(path, headers, Timeouts(read=_IDLE_SECONDS)) as answer:
        if not (answer.headers.get("content-type") or "").startswith("text/event-stream"):
            raise BadAnswer(transport.endpoint, "it sent something else than a stream of events.")
        for fields in _split_events(answer):
            if fields.get("event") != "task":
                continue
            try:
                task = Task.from_document(json.loads(fields.get("data", "")))
            except (ValueError, KeyError, TypeError) as error:
                raise BadAnswer(transport.endpoint, "an event holds no task.") from error
            yield task, fields.get("id") or last_event_id


def _split_events(answer: OpenAnswer) -> Iterator[dict[str, str]]:
    """The fields of each whole event (HTML's server-sent events); lines of data are joined."""
    fields: dict[str, str] = {}
    for line in answer.lines():
        if not line:
            yield fields
            fields = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in fields:
            value = f"{fields['data']}\n{value}"
        fields[name] = value


def _poll(transport: Transport, task_id: str, sleep: Callable[[float], None]) -> Iterator[Task]:
    pause = _MIN_PAUSE_SECONDS
    while True:
        task = get_task(transport, task_id, _ATTEMPT_FACTOR)
        yield task
        if task.ended:
            return
        sleep(pause)
        pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
