import pytest
from client_peer import Fault, Peer, task_document

from entrepot_client import errors
from entrepot_client.client import Client

TASK = "1dd1ce46-62cc-486e-9f47-1f96c1895b25"
EVENTS = f"/api/v1/task/{TASK}/events"
RUNNING, DONE = task_document(TASK, "running"), task_document(TASK, "succeeded")


def statuses(client: Client) -> list[str]:
    return [task.status for task in client.watch(TASK)]


def test_a_task_is_followed_by_its_stream(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = RUNNING
    peer.streams = [[(1, task_document(TASK, "queued")), (2, RUNNING), (3, DONE)]]
    assert statuses(client) == ["queued", "running", "succeeded"]
    assert [request.path for request in peer.requests] == [EVENTS]
    assert peer.requests[0].headers["Accept"] == "text/event-stream"


def test_a_broken_stream_is_resumed_after_the_last_event(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = RUNNING
    peer.streams = [[(4, RUNNING)], [], [(7, RUNNING)], [(9, DONE)]]
    assert statuses(client) == ["running", "running", "succeeded"]
    requests = peer.requests_for(EVENTS)
    assert [a.headers.get("Last-Event-ID") for a in requests] == [None, "4", "4", "7"]


def test_a_stream_that_cannot_be_had_is_replaced_by_asking(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = RUNNING
    peer.faults[EVENTS] = [Fault(0), Fault(502), Fault(0)]
    peer.faults[f"/api/v1/task/{TASK}"] = [Fault(503)]

    status_list = []
    for task in client.watch(TASK):
        status_list.append(task.status)
        peer.tasks[TASK] = DONE
    assert status_list == ["running", "succeeded"]
    assert len(peer.requests_for(EVENTS)) == 3


def test_a_proxy_that_gives_something_else_than_a_stream(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = DONE
    peer.without_events = True
    assert statuses(client) == ["succeeded"]
    assert len(peer.requests_for(EVENTS)) == 1


def test_a_stream_that_ends_too_early_still_gives_the_end(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = DONE
    peer.streams = [[(1, RUNNING)]]
    assert statuses(client) == ["running", "succeeded"]


def test_a_server_that_restarts_is_waited_for(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = DONE
    peer.faults[EVENTS] = [Fault(0)]
    peer.faults[f"/api/v1/task/{TASK}"] = [Fault(0)] * 10
    assert statuses(client) == ["succeeded"]


def test_a_task_that_is_not_there(client: Client) -> None:
    with pytest.raises(errors.ResourceNotFound):
        list(client.watch(TASK))


def test_canceling(peer: Peer, client: Client) -> None:
    peer.tasks[TASK] = RUNNING
    assert client.cancel(TASK).status == "canceled"


def test_only_a_broken_contract_counts_as_rejected(peer: Peer, client: Client) -> None:
    for error, report, rejected in (
        ({"status": 422, "code": "schema-violation"}, "/r", True),
        ({"status": 422, "code": "not-tabular"}, None, True),
        ({"status": 500, "code": "inspection-failed"}, None, False),
    ):
        peer.tasks[TASK] = task_document(TASK, "failed", error=error, report_url=report)
        assert client.task(TASK).rejected is rejected
