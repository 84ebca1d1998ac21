"""Follow a task until it ends: by its event stream, by asking again where that does not work.

The stream (`GET /api/v1/task/{id}/events`, server-sent events) carries the whole task in every
event named `task`. A stream that breaks is resumed with `Last-Event-ID`. What stands between us
and the server may not let streams through at all: then the task is asked for, at first often.
"""

from collections.abc import Callable, Iterator

import httpx2

from entrepot_client.errors import BadAnswer, Problem
from entrepot_client.models import Task
from entrepot_client.paths import task_path
from entrepot_client.transport import Transport

# Seconds without a byte, heartbeats included, after which a stream counts as broken.
_SILENCE = 30.0
# Broken streams in a row, without one event between them, until asking takes over.
_BREAKS = 3
# A server that restarts may be away for longer than a single read would wait: about a minute.
_PATIENCE = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


def get_task(transport: Transport, task_id: str, patience: int = 1) -> Task:
    """The task as it is now. Raises NotFound, and whatever a request raises."""
    return Task.from_document(transport.get(task_path(task_id), patience=patience))


def follow(transport: Transport, task_id: str, sleep: Callable[[float], None]) -> Iterator[Task]:
    """The task's states as they come, the last one ended. At least one.

    `sleep` waits for seconds. Raises NotFound and NotAllowed at once, Unreachable when the server
    stays away for as long as requests are retried (about a minute).
    """
    last_event_id, breaks = "", 0
    while breaks < _BREAKS:
        try:
            for task, event_id in _events(transport, task_id, last_event_id):
                last_event_id, breaks = event_id, 0
                yield task
                if task.ended:
                    return
        except (httpx2.TransportError, Problem, BadAnswer) as error:
            if isinstance(error, httpx2.SSEError | BadAnswer):
                break
        breaks += 1
        # The stream ended early: ask once, which also tells what a broken stream cannot.
        task = get_task(transport, task_id, _PATIENCE)
        if task.ended:
            yield task
            return
        sleep(_FIRST_PAUSE * 2**breaks)
    yield from _asked(transport, task_id, sleep)


def _events(transport: Transport, task_id: str, last_event_id: str) -> Iterator[tuple[Task, str]]:
    path = f"{task_path(task_id)}/events"
    with transport.events(path, last_event_id, _SILENCE) as source:
        for event in source:
            if event.event != "task":
                continue
            try:
                document = event.json()
                task = Task.from_document(document)  # type: ignore[arg-type]
            except (ValueError, KeyError, TypeError) as error:
                raise BadAnswer(transport.endpoint, "an event holds no task.") from error
            yield task, event.id or last_event_id


def _asked(transport: Transport, task_id: str, sleep: Callable[[float], None]) -> Iterator[Task]:
    pause = _FIRST_PAUSE
    while True:
        task = get_task(transport, task_id, _PATIENCE)
        yield task
        if task.ended:
            return
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
