"""The bounds of a preview, and the turns of those who want one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.loops import run_apart

from entrepot.errors import PreviewTooCostly, PreviewUnavailable, TooManyPreviews
from entrepot.http.limits.fair_slots import FairSlots
from entrepot.inspection.engine import open_engine
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.results import PreviewRequest
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.inspection.sql import literal

LONG = " OR ".join(f"name LIKE '%{n}%x%{n}%'" for n in range(60))
"""Some seconds of work on the table below."""


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preview") / "table.parquet"
    with open_engine() as engine:
        rows = "SELECT i, 'n' || i AS name FROM range(1000000) t(i)"
        engine.execute(f"COPY ({rows}) TO {literal(str(path))} (FORMAT parquet)")
    return path


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InspectionPool]:
    limits = Limits(memory=512 * MIB, scratch=MIB, wall_seconds=0.1, cpu_seconds=60)
    made = InspectionPool(limits, tmp_path_factory.mktemp("pool"), "require", "previews")
    made.start()
    yield made
    made.close()


def test_what_takes_too_long_is_ended_with_the_figure(pool: InspectionPool, parquet: Path) -> None:
    request = PreviewRequest(parquet, parquet.stat().st_size, None, "-name", LONG, 9, None, 0)
    with pytest.raises(PreviewTooCostly, match=r"more than 0\.1 seconds of time"):
        pool.preview(request)


def test_nobody_has_more_than_half_and_the_fewest_come_next() -> None:
    async def turns() -> list[str]:
        places = FairSlots(2, 3, 60, TooManyPreviews, PreviewUnavailable)
        accounts = {"a": uuid4(), "b": uuid4()}
        order: list[str] = []
        gates = {name: asyncio.Event() for name in ("a1", "a2", "a3", "b1")}

        async def one(name: str) -> None:
            async with places.slot(accounts[name[0]]):
                order.append(name)
                await gates[name].wait()

        async def settled() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        running = [asyncio.create_task(one(name)) for name in ("a1", "a2", "a3")]
        await settled()
        assert order == ["a1"]
        with pytest.raises(TooManyPreviews) as refused:
            async with places.slot(accounts["a"]):
                pass
        assert refused.value.limit == 3
        running.append(asyncio.create_task(one("b1")))
        await settled()
        assert order == ["a1", "b1"]
        for name in ("a1", "a2", "a3", "b1"):
            gates[name].set()
            await settled()
        await asyncio.gather(*running)
        return order

    assert run_apart(turns()) == ["a1", "b1", "a2", "a3"]


def test_who_waits_too_long_is_told_to_come_again() -> None:
    async def waits() -> None:
        places = FairSlots(1, 5, 0.01, TooManyPreviews, PreviewUnavailable)
        account = uuid4()
        async with places.slot(account):
            with pytest.raises(PreviewUnavailable):
                async with places.slot(account):
                    pass
        async with places.slot(account):
            pass

    run_apart(waits())
