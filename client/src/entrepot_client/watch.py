"""Follow a task until it ends: through its event stream, or by polling if that does not work.

The stream (`GET /api/v1/task/{id}/events`, server-sent events) has the whole task in every event
named `task`. A broken stream is resumed with `Last-Event-ID`. A proxy may not let streams through
at all: then the task is polled, at first often.
"""

from collections.abc import Callable, Iterator

import httpx2

from entrepot_client.errors import BadAnswer, ProblemError
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
        except (httpx2.TransportError, ProblemError, BadAnswer) as error:
            if isinstance(error, httpx2.SSEError | BadAnswer):
                break
        breaks += 1
        # The stream ended early. One GET also reports errors that a broken stream does not.
        task = get_task(transport, task_id, _ATTEMPT_FACTOR)
        if task.ended:
            yield task
            return
        sleep(_MIN_PAUSE_SECONDS * 2**breaks)
    yield from _poll(transport, task_id, sleep)


def _events(transport: Transport, task_id: str, last_event_id: str) -> Iterator[tuple[Task, str]]:
    path = f"{task_path(task_id)}/events"
    with transport.events(path, last_event_id, _IDLE_SECONDS) as source:
        for event in source:
            if event.event != "task":
                continue
            try:
                document = event.json()
                task = Task.from_document(document)  # type: ignore[arg-type]
            except (ValueError, KeyError, TypeError) as error:
                raise BadAnswer(transport.endpoint, "an event holds no task.") from error
            yield task, event.id or last_event_id


def _poll(transport: Transport, task_id: str, sleep: Callable[[float], None]) -> Iterator[Task]:
    pause = _MIN_PAUSE_SECONDS
    while True:
        task = get_task(transport, task_id, _ATTEMPT_FACTOR)
        yield task
        if task.ended:
            return
        sleep(pause)
        pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
