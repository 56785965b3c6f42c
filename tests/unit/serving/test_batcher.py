"""The queue of a server: bounded, in batches of like length, and one bad row fails alone."""

import asyncio
import time

import pytest

from luthier.serving.batcher import Batcher
from luthier.serving.items import Item, RefusedError
from luthier.serving.metrics import Metrics
from tests.unit.serving.stand_in import Model, running


def batcher_of(model, *, batch=1000, queue=10_000):
    return Batcher(model, Metrics(), max_batch_tokens=batch, max_queue_tokens=queue)


def item(text, *, tokens=5, wait=60.0):
    return Item({"text": text}, {}, tokens, time.monotonic() + wait)


async def answered(items):
    return await asyncio.gather(*(one.answer for one in items), return_exceptions=True)


def test_every_row_gets_its_own_answer_whatever_it_was_batched_with():
    async def run():
        model = Model()
        async with running(batcher_of(model)) as batcher:
            items = [item(f"text {n}", tokens=3 + n % 7) for n in range(500)]
            for one in items:
                batcher.put([one])
            found = await answered(items)
        assert [one[1]["label"] for one in found] == [f"text {n}"[:9] for n in range(500)]
        assert len(model.batches) < 100

    asyncio.run(run())


def test_rows_of_one_batch_are_of_like_length_and_within_its_tokens():
    async def run():
        model = Model()
        async with running(batcher_of(model, batch=100)) as batcher:
            items = [item(f"{n}", tokens=n) for n in [50, 1, 50, 2, 49, 1, 400]]
            batcher.put(items)
            await answered(items)
        for batch in model.batches:
            tokens = [int(text) for text in batch]
            assert max(tokens) * len(tokens) <= 100 or len(tokens) == 1
            assert max(tokens) * len(tokens) - sum(tokens) <= 0.2 * max(tokens) * len(tokens)
        assert ["50", "50"] in model.batches
        assert ["400"] in model.batches

    asyncio.run(run())


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again():
    async def run():
        batcher = batcher_of(Model(), queue=100)
        batcher.put([item("a", tokens=90)])
        with pytest.raises(RefusedError) as caught:
            batcher.put([item("b", tokens=6), item("c", tokens=6)])
        assert (caught.value.status, caught.value.retry_after) == (429, 1)
        batcher.put([item("d", tokens=10)])
        with pytest.raises(RefusedError) as caught:
            batcher.put([item("e", tokens=101)])
        assert caught.value.status == 413

    asyncio.run(run())


def test_room_comes_back_once_rows_are_answered():
    async def run():
        async with running(batcher_of(Model(), queue=100)) as batcher:
            for n in range(10):
                one = item(f"{n}", tokens=90)
                batcher.put([one])
                await one.answer

    asyncio.run(run())


def test_a_poisoned_row_fails_alone():
    async def run():
        model = Model()
        async with running(batcher_of(model)) as batcher:
            items = [item("poison" if n % 5 == 0 else f"text {n}") for n in range(50)]
            batcher.put(items)
            found = await answered(items)
        for n, one in enumerate(found):
            assert isinstance(one, RefusedError) == (n % 5 == 0)
            assert n % 5 == 0 or one[1]["label"] == f"text {n}"

    asyncio.run(run())


def test_a_row_that_kills_the_process_fails_alone_after_a_few_lives():
    async def run():
        model = Model()
        async with running(batcher_of(model)) as batcher:
            items = [item("a"), item("kills"), item("b")]
            batcher.put(items)
            found = await answered(items)
        assert [isinstance(one, RefusedError) for one in found] == [False, True, False]
        assert found[1].status == 424

    asyncio.run(run())


def test_what_nobody_waits_for_is_not_computed():
    async def run():
        model = Model()
        batcher = batcher_of(model)
        gone, late, kept = item("gone"), item("late", wait=-1), item("kept")
        batcher.put([gone, late, kept])
        gone.answer.cancel()
        async with running(batcher):
            found = await answered([late, kept])
        assert (found[0].status, found[0].retry_after) == (503, 1)
        assert model.batches == [["kept"]]

    asyncio.run(run())
