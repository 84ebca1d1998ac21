"""A database that is away for a while: honest answers, and the work resumes without a restart."""

from collections.abc import Callable

from tests.support.api import CSV, assert_problem
from tests.support.hosts import relay_to
from tests.support.postgres import Postgres
from tests.support.server import Server, TestAccount
from tests.support.tus import Tus
from tests.support.wait import UNHURRIED, wait_until


def assert_serves(server: Server, account: TestAccount) -> None:
    """Everything works again, in the same processes."""
    api = account.api
    wait_until(lambda: server.api(None).get("/readyz").status_code == 200, "it is ready", UNHURRIED)
    assert api.deliver(CSV)["status"] == "succeeded"
    server.wait_derived()
    wait_until(lambda: api.account()["reserved"] == 0, "nothing is reserved")
    server.assert_sound()


def test_postgresql_is_away_for_a_while(serve: Callable[..., Server], postgres: Postgres) -> None:
    database = postgres.new_database()
    with relay_to(database) as (relay, address):
        server = serve(database=address)
        account = server.new_account()
        api = account.api
        file_id = api.deliver(CSV)["file_id"]
        resumable = Tus.begin(api, len(CSV))
        assert resumable.patch(CSV[:5], 0).status_code == 204
        with server.suspended_workers():
            waiting = api.upload(CSV, name="waiting.csv").json()["task_id"]
        relay.refuse()
        try:
            for answer in (
                api.get("/files"),
                api.get(f"/file/download/{file_id}"),
                api.upload(CSV, name="refused.csv"),
                resumable.patch(CSV[5:], 5),
            ):
                problem = assert_problem(answer, 503, "database-unavailable")
                assert int(answer.headers["Retry-After"]) == problem["retry_after"] > 0
            ready = server.api(None).get("/readyz")
            assert (ready.status_code, ready.json()["database"]) == (503, "no answer")
            assert server.api(None).get("/healthz").status_code == 200
        finally:
            relay.accept_again()
        assert api.wait_task(waiting, UNHURRIED)["status"] == "succeeded"
        assert resumable.patch(CSV[5:], 5).status_code == 204
        assert api.get(f"/file/download/{file_id}").content == CSV
        names = [item["file_name"] for item in api.json("/files")["files_list"]]
        assert "refused.csv" not in names
        assert_serves(server, account)
