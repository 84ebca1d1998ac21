"""What many requests need is done for all of them that end within some milliseconds."""

import asyncio

from tests.support.loops import run_apart

from entrepot.http.middleware import INTERVAL_SECONDS, RequestBatches


def test_what_comes_soon_after_a_batch_waits_for_the_next() -> None:
    times: list[float] = []

    async def end_requests() -> None:
        loop, flushed = asyncio.get_running_loop(), asyncio.Event()
        batches = RequestBatches(lambda: times.append(loop.time()), flushed.set)
        for _ in range(3):
            batches.expect()
        assert times == []
        await asyncio.sleep(0)  # the first one after a pause does not wait
        assert len(times) == 1
        flushed.clear()
        batches.expect()
        batches.expect()
        async with asyncio.timeout(10):
            await flushed.wait()
        assert len(times) == 2
        # The clock of timers has steps, which let them come a little early.
        assert times[1] - times[0] > 0.8 * INTERVAL_SECONDS
        batches.close()
        assert len(times) == 3
        batches.expect()  # a request that ends after that
        await asyncio.sleep(0)
        assert len(times) == 4

    run_apart(end_requests())


def test_nothing_is_lost_when_the_app_ends_between_two_batches() -> None:
    kept, flushed = ["first"], list[str]()

    def flush() -> None:
        flushed.extend(kept)
        kept.clear()

    async def end_requests() -> None:
        batches = RequestBatches(flush)
        batches.expect()
        await asyncio.sleep(0)
        kept.append("second")
        batches.expect()
        batches.close()

    run_apart(end_requests())
    assert flushed == ["first", "second"]
