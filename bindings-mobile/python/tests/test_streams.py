"""Streams: what ends them, and that waits which are given up lose nothing."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import Any, List

import pytest
from nexus_realtime import ClosedError, ConnectionStatus, Joined, NexusClient, Quality, WaitTimedOutError
from support.connected import connected
from support.stage import Stage


def test_waits_that_are_cancelled_lose_nothing(stage: Stage) -> None:
    count = 3_000

    async def run() -> None:
        chance = random.Random(1)
        async with connected(stage) as client:
            items = client.events("messaging", "item")
            client.emit("messaging", "send-items", count)
            came: List[int] = []
            cancelled = 0
            while len(came) < count:
                waiting = asyncio.ensure_future(items.__anext__())
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                if chance.random() < 0.5 and waiting.cancel():
                    cancelled += 1
                try:
                    came.append((await waiting).data)
                except asyncio.CancelledError:
                    pass
            assert came == list(range(count))
            assert cancelled > 10

    asyncio.run(run())


def test_several_tasks_share_a_stream(stage: Stage) -> None:
    count = 2_000

    async def run() -> None:
        async with connected(stage) as client:
            items = client.events("messaging", "item")
            came: List[int] = []

            async def take() -> None:
                async for item in items:
                    came.append(item.data)
                    if len(came) == count:
                        items.close()

            client.emit("messaging", "send-items", count)
            await asyncio.wait_for(asyncio.gather(*(take() for _ in range(8))), 60)
            assert sorted(came) == list(range(count))

    asyncio.run(run())


def test_a_stream_ends_when_it_is_let_go(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            client.emit("messaging", "send-items", 10)

            async def first() -> Any:
                async for item in client.events("messaging", "item"):
                    client.emit("messaging", "send-items", 1)
                    return item.data

            assert await first() == 0
            gc.collect()
            assert client.stats().listeners == 0
            async with client.events("messaging", "item") as items:
                waiting = asyncio.ensure_future(items.next())
                await asyncio.sleep(0)
                items.close()
                with pytest.raises(StopAsyncIteration):
                    await items.next(10)
                waiting.cancel()
            assert client.stats().listeners == 0

    asyncio.run(run())


def test_a_wait_has_its_timeout(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            items = client.events("messaging", "item")
            with pytest.raises(WaitTimedOutError) as error:
                await items.next(0.01)
            assert isinstance(error.value, TimeoutError)
            client.emit("messaging", "send-items", 1)
            assert (await items.next(10)).data == 0
            client.disconnect()
            with pytest.raises(WaitTimedOutError):
                await client.join("notifications", timeout=0)

    asyncio.run(run())


def test_a_stream_that_is_too_slow_is_told_what_it_missed(stage: Stage) -> None:
    count = 2_000

    async def run() -> None:
        async with connected(stage, event_buffer=8, listener_patience=0.01) as client:
            items = client.events("messaging", "item")
            assert (await client.emit_with_ack("messaging", "who")) == "ada"
            client.emit("messaging", "send-items", count)
            # Nobody asks for items: what does not fit is given up for what comes.
            while client.stats().missed_items < count - 8:
                await asyncio.sleep(0.01)
            items_left = [await items.next(10)]
            while items_left[-1].data < count - 1:
                items_left.append(await items.next(10))
            assert sum(item.missed for item in items_left) + len(items_left) == count

    asyncio.run(run())


def test_handlers_get_events_in_order_and_survive_what_they_raise(stage: Stage) -> None:
    async def run() -> None:
        raised: List[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context))
        async with connected(stage) as client:
            came: List[int] = []
            done = asyncio.Event()

            async def handler(item: Any) -> None:
                came.append(item.data)
                if item.data == 3:
                    raise RuntimeError("no threes")
                if item.data == 99:
                    done.set()
                # Calls from within are calls like others.
                await client.emit_with_ack("messaging", "who")

            client.on("messaging", "item", handler)
            client.emit("messaging", "send-items", 100)
            await asyncio.wait_for(done.wait(), 30)
            assert came == list(range(100))
            assert ["no threes"] == [str(context["exception"]) for context in raised]
            assert client.off("messaging", "item") == 1

    asyncio.run(run())


def test_states_are_values_and_changes(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            statuses, qualities, notices = client.status_changes(), client.quality_changes(), client.notices()
            assert client.connection_status is ConnectionStatus.CONNECTED
            assert (await statuses.next(10)).status is ConnectionStatus.CONNECTED
            assert (await qualities.next(10)) in list(Quality)
            assert client.connection_quality is not Quality.OFFLINE
            await client.join("notifications")
            assert isinstance(joined := await notices.next(10), Joined)
            assert (joined.namespace, joined.continuity.kind) == ("notifications", "first")
            assert client.is_joined("notifications")
            client.disconnect()
            change = await statuses.next(10)
            assert change.status is ConnectionStatus.DISCONNECTED
            assert change.reason and change.reason.code == "io client disconnect"
            stats = client.stats()
            assert (stats.status, stats.counters["connects"]) == (ConnectionStatus.DISCONNECTED, 1)

    asyncio.run(run())


def test_closing_ends_all_waits(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            streams: List[Any] = [
                client.events("messaging", "item"),
                client.status_changes(),
                client.quality_changes(),
                client.notices(),
            ]
            waits = [asyncio.ensure_future(_all(stream)) for stream in streams]
            acked = asyncio.ensure_future(client.emit_with_ack("messaging", "never"))
            await client.flush()
            await client.close()
            await asyncio.wait_for(asyncio.gather(*waits), 10)
            with pytest.raises(Exception, match="CLOSED|DISCONNECTED|UNKNOWN"):
                await acked
            for doing in (
                lambda: client.emit("messaging", "note"),
                lambda: client.events("messaging", "note"),
                lambda: client.emit_durable("messaging", "note"),
            ):
                with pytest.raises(ClosedError):
                    doing()
            for waiting in (client.connect("ada", "good-ada"), client.join("messaging"), client.flush()):
                with pytest.raises(ClosedError):
                    await waiting
            await client.close()

    asyncio.run(run())


async def _all(stream: Any) -> List[Any]:
    return [item async for item in stream]


def test_a_client_that_is_let_go_is_closed(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as first:
            client = NexusClient("http://127.0.0.1:9")
            statuses = client.status_changes()
            del client
            gc.collect()
            assert len(await asyncio.wait_for(_all(statuses), 10)) <= 2
            assert await first.emit_with_ack("messaging", "who") == "ada"

    asyncio.run(run())


def test_what_a_cycle_held_may_be_used_by_its_finalizers(stage: Stage) -> None:
    """The order in which a cycle is finalized is nobody's: what is freed must not be called."""
    ended: List[str] = []

    class Holder:
        def __init__(self, client: NexusClient) -> None:
            self.me = self
            self.client = client
            self.items = client.events("messaging", "item")

        def __del__(self) -> None:
            try:
                self.items.close()
                self.client.disconnect()
            except AttributeError:
                pass
            ended.append("here")

    async def run() -> None:
        async with connected(stage) as client:
            for _ in range(50):
                Holder(NexusClient("http://127.0.0.1:9"))
            gc.collect()
            assert len(ended) == 50
            assert await client.emit_with_ack("messaging", "who") == "ada"

    asyncio.run(run())
