"""What lives as long as the app: parts, threads, counts, and what is recorded in the background."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog

from entrepot.accounts.actor import Actor, KeyId
from entrepot.accounts.key_networks import note_network
from entrepot.accounts.keys import TOUCH_INTERVAL, touch_key
from entrepot.activity.reads import ReadBuffer
from entrepot.activity.record import RecordedUser, RequestOrigin
from entrepot.bootstrap.parts import Parts
from entrepot.db.change_counter import ChangeCounter
from entrepot.errors import (
    TooManyDownloads,
    TooManyFormWaits,
    TooManyStreams,
    TooManyUploads,
)
from entrepot.files.derivatives import get_run_states
from entrepot.http.access_checks import AccessChecks
from entrepot.http.follow.change_listener import ChangeListener
from entrepot.http.follow.state_watch import StateWatch
from entrepot.http.limits.answer_memory import AnswerMemory
from entrepot.http.limits.concurrency_limits import ConcurrencyLimit
from entrepot.http.limits.password_checks import PasswordChecks
from entrepot.http.limits.rates import MAX_COUNTERS, client_network
from entrepot.http.parsing.parser import Parser
from entrepot.http.previews.processes import Previewer
from entrepot.http.read_cache import ReadCache
from entrepot.http.refusals import RefusalCounter, record_refusal, record_void_key
from entrepot.tasks.records import get_task_states

R = TypeVar("R")


@dataclass
class Runtime:
    """What lives as long as the app: parts, threads, the watch on tasks, counts, last uses, reads
    that are to be recorded."""

    parts: Parts
    database_threads: ThreadPoolExecutor
    byte_threads: ThreadPoolExecutor
    watch: StateWatch
    form_watch: StateWatch
    change_listener: ChangeListener | None
    access_checks: AccessChecks
    read_cache: ReadCache
    changes: ChangeCounter
    uploads: ConcurrencyLimit
    streams: ConcurrencyLimit
    downloads: ConcurrencyLimit
    form_waits: ConcurrencyLimit
    answer_memory: AnswerMemory
    previewer: Previewer
    parser: Parser
    password_checks: PasswordChecks
    refusals: RefusalCounter = field(default_factory=RefusalCounter)
    reads: ReadBuffer = field(default_factory=ReadBuffer)
    last_key_uses: dict[KeyId, datetime] = field(default_factory=dict)
    link_passwords: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    key_networks: OrderedDict[tuple[KeyId, str], None] = field(default_factory=OrderedDict)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False

    async def run_in_database_thread(
        self, work: Callable[..., R], /, *args: Any, **kwargs: Any
    ) -> R:
        """Run `work` in a database thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.database_threads, partial(work, *args, **kwargs))

    async def run_in_byte_thread(self, work: Callable[..., R], *args: Any) -> R:
        """Run what waits for the disk, or hashes, in a thread for bytes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.byte_threads, work, *args)

    def drain(self) -> None:
        """Take no new uploads, and end the streams, whose followers then come back elsewhere."""
        self.draining = True
        self.watch.end()
        self.form_watch.end()

    def record_key_use(self, key_id: KeyId, now: datetime) -> None:
        """Note a key's use, at most once a minute, without keeping the request waiting."""
        last = self.last_key_uses.get(key_id)
        if last is not None and now - last < TOUCH_INTERVAL:
            return
        self.last_key_uses[key_id] = now
        write = self.run_in_database_thread(self.parts.database.write, touch_key, key_id, now)
        self.run_in_background(write)

    def record_key_network(self, key_id: KeyId, origin: RequestOrigin, now: datetime) -> None:
        """Note from where a key is used; whether that is new is looked up once by this process."""
        network = client_network(origin.address)
        used = key_id, network
        if used in self.key_networks:
            self.key_networks.move_to_end(used)
            return
        self.key_networks[used] = None
        if len(self.key_networks) > MAX_COUNTERS:
            self.key_networks.popitem(last=False)
        self.run_in_background(
            self.run_in_database_thread(
                self.parts.database.write, note_network, key_id, network, origin, now
            )
        )

    def record_refused_key(self, digest: bytes, origin: RequestOrigin, now: datetime) -> None:
        """Note the use of a key that is not valid, if it ever was one."""
        count = self.refusals.count(now, digest)
        if count is not None:
            self.run_in_background(
                self.run_in_database_thread(
                    self.parts.database.write, record_void_key, digest, origin, count, now
                )
            )

    def record_refused_actor(self, actor: Actor, reason: str, now: datetime) -> None:
        """Note that an actor was refused something."""
        count = self.refusals.count(now, actor.user_id, actor.key_id, reason)
        if count is not None:
            origin = actor.request_origin
            user = RecordedUser(actor.user_id, actor.user_name, actor.key_id, origin)
            self.run_in_background(
                self.run_in_database_thread(
                    self.parts.database.write,
                    record_refusal,
                    actor.serving_account_id,
                    user,
                    reason,
                    count,
                    now,
                )
            )

    def run_in_background(self, coroutine: Any) -> None:
        """Run something after the response; a failure is logged, never raised."""
        task = asyncio.create_task(_logged(coroutine))
        self.background.add(task)
        task.add_done_callback(self.background.discard)


async def _logged(coroutine: Any) -> None:
    try:
        await coroutine
    except Exception:
        structlog.get_logger(__name__).exception("background write failed")


def open_runtime(parts: Parts) -> Runtime:
    """Start the threads: one for SQLite, eight for PostgreSQL, and some for bytes."""
    database = parts.database
    thread_count = 1 if database.embedded else 8
    database_threads = ThreadPoolExecutor(thread_count, thread_name_prefix="database")
    byte_threads = ThreadPoolExecutor(16, thread_name_prefix="bytes")
    changes = ChangeCounter(database)
    settings = parts.settings
    watch = StateWatch(database, database_threads, changes, get_task_states)
    form_watch = StateWatch(database, database_threads, changes, get_run_states)
    listener = None
    if settings.database is not None:
        url = settings.database.get_secret_value()
        listener = ChangeListener(url, (watch, form_watch), byte_threads)
    return Runtime(
        parts,
        database_threads,
        byte_threads,
        watch,
        form_watch,
        listener,
        AccessChecks(database, database_threads),
        ReadCache(changes),
        changes,
        uploads=ConcurrencyLimit(settings.uploads_per_account, TooManyUploads),
        streams=ConcurrencyLimit(settings.streams_per_account, TooManyStreams),
        downloads=ConcurrencyLimit(settings.downloads_per_account, TooManyDownloads),
        form_waits=ConcurrencyLimit(settings.form_waits_per_account, TooManyFormWaits),
        answer_memory=AnswerMemory(settings.answer_memory),
        previewer=Previewer(parts),
        parser=Parser(settings.uploads_per_account, settings.schema_seconds),
        password_checks=PasswordChecks(settings.sign_in_attempts_per_address),
    )
