"""Runs of a scenario on a real server: listed, killed at one call, or with one call that fails."""

import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from tests.crash.installation import GONE, Installation
from tests.crash.power_cuts import Story
from tests.crash.scenarios import Ids, TracedScenario
from tests.crash.traced_calls import (
    FILE_CALLS,
    SENT,
    Call,
    durable_calls,
    failing,
    injected,
    is_alive,
    is_durable,
    killing,
    struck,
    traced,
)
from tests.support.api import Api
from tests.support.wait import UNHURRIED, wait_until

from entrepot.cli.data_folder import is_locked

ROLES = ("api", "worker")


@dataclass
class TracedRun:
    """One scenario on one installation."""

    installation: Installation
    scenario: TracedScenario
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="et-")))

    @property
    def _names(self) -> tuple[str, ...]:
        settings = self.installation.server.settings
        is_local = settings.embedded and not str(settings.store or "").startswith("s3:")
        return FILE_CALLS if is_local else (*FILE_CALLS, SENT)

    @contextmanager
    def _story(self) -> Iterator[Story]:
        with self.installation.client() as api:
            yield Story(api)

    def _prepare(self) -> Ids:
        ids = self.scenario.prepare(self.installation.api)
        self.installation.wait_derived()
        return ids

    def list_calls(self, more: tuple[str, ...] = ()) -> dict[str, list[Call]]:
        """The durable calls of each role, and those of the kinds `more`."""
        ids, names = self._prepare(), (*self._names, *more)
        logs = {role: self.folder / role for role in ROLES}
        pids = {role: self.installation.part(role).pid for role in ROLES}
        with (
            traced(pids["api"], logs["api"], names),
            traced(pids["worker"], logs["worker"], names),
            self._story() as story,
        ):
            self.scenario.tell(story, ids)
            self.installation.wait_derived()
        self.check(story, ids)
        port = self.installation.server.overrides["port"]
        return {role: durable_calls(logs[role], port) for role in ROLES}

    def list_repeated_calls(self, more: tuple[str, ...] = ()) -> dict[str, list[Call]]:
        """Those that come in each of two runs: not what time alone brings, such as the renewal of
        a lease, which comes only where a run takes long."""
        first, second = self.list_calls(more), self.list_calls(more)
        places = {role: {call.place for call in second[role]} for role in ROLES}
        return {
            role: [call for call in first[role] if call.place in places[role]] for role in ROLES
        }

    def kill_at(self, role: str, call: Call) -> str | None:
        """Kill the host of a process at a call, start it again and check all; where it died, None
        if the call did not come."""
        ids, log = self._prepare(), self.folder / "killed"
        host = self.installation.host(role)
        process = self.installation.part(role)
        is_over = threading.Event()
        with (
            traced(process.pid, log, (call.name,), *killing(call)) as tracer,
            self._story() as story,
        ):

            def end_and_start() -> None:
                # strace 6.1 does not notice each end of a process with many threads.
                wait_until(
                    lambda: is_over.is_set() or not is_alive(process.pid), "it dies", UNHURRIED
                )
                host.kill()
                tracer.kill()
                wait_until(lambda: not is_locked(host.data), "all processes have ended")
                host.spawn()  # a client of another host waits for what it does

            ending = threading.Thread(target=end_and_start)
            ending.start()
            try:
                with suppress(*GONE):
                    self.scenario.tell(story, ids)
                    wait_until(lambda: not is_alive(process.pid) or self._is_at_rest(), "it ends")
            finally:
                is_over.set()  # if the call has not come
                ending.join()
        host.wait_ready()
        self.check(story, ids)
        return struck(log)

    def _is_at_rest(self) -> bool:
        return self.installation.server.derivatives("pending") == []

    def fail_at(self, role: str, call: Call, error: str) -> tuple[bool, list[int]]:
        """Have a call fail with that error; whether it did, and the statuses of the answers that
        were errors of the server. Everything must hold and work again, without a restart."""
        ids, log = self._prepare(), self.folder / "failed"
        pid = self.installation.part(role).pid
        statuses: list[int] = []
        with traced(pid, log, (call.name,), *failing(call, error)), self._story() as story:
            hooks = story.api.client.event_hooks["response"]
            hooks.append(lambda answer: statuses.append(answer.status_code))
            with suppress(AssertionError, *GONE):  # what was refused
                self.scenario.tell(story, ids)
                self.installation.wait_derived()
        port = self.installation.server.overrides["port"]
        arguments = [line.partition("(")[2] for line in injected(log)]
        if not all(is_durable(call.name, each, port) for each in arguments):
            # Another thread was faster, and a call failed that cannot, as one that wakes a thread.
            self.installation.server.kill()
            self.installation.server.start()
            with self.installation.client() as api:
                self.scenario.settle(api, ids)  # else an upload that was begun keeps its bytes
            self.installation.make_failed_forms()  # of which a file could not be opened
            return False, []
        self.installation.make_failed_forms()
        # What failed may be the removal of what is not needed any more. strace counts calls by
        # thread: the commit that gives a failed upload's reservation back may fail with it.
        self.installation.sweep_later(timedelta(0))
        self.check(story, ids)
        return bool(arguments), [status for status in statuses if status >= 500]

    def check(self, story: Story, ids: Ids) -> None:
        """All that was acknowledged holds, what was cut off can be ended, and everything is
        sound."""
        with self.installation.client() as api:
            self._check_claims(api, story)
            self.scenario.settle(api, ids)
        self.installation.check()

    def _check_claims(self, api: Api, story: Story) -> None:
        for check in story.due(story.answers).values():
            check(api)


def choose(calls: dict[str, list[Call]], most: int | None, seed: int) -> list[tuple[str, Call]]:
    """Each place of these calls once, or at most so many: those where something else begins, then
    others by chance."""
    places = {(role, call.place): (role, call) for role in ROLES for call in calls[role]}
    if most is None or len(places) <= most:
        return list(places.values())
    turns = {
        (role, call.place): (role, call)
        for role in ROLES
        for before, call in pairwise([None, *calls[role]])
        if before is None or before.kind != call.kind
    }
    chance = random.Random(seed)
    first = chance.sample(list(turns), min(most, len(turns)))
    others = [place for place in places if place not in turns]
    more = chance.sample(others, min(most - len(first), len(others)))
    return [places[place] for place in sorted((*first, *more))]
