"""One client in many hands, processes that are killed or just end, and several event loops."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any, List

import pytest
from nexus_realtime import ClosedError, ConnectionStatus, NexusClient, RealtimeError
from support.connected import QUICK, connected, server
from support.stage import Server, Stage

TESTS = pathlib.Path(__file__).parent
CHILD = {**os.environ, "PYTHONPATH": str(TESTS.parent)}


def test_64_tasks_on_one_client_and_one_of_them_closes_it(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            acked = 0
            full = asyncio.Event()

            async def hand(number: int) -> None:
                nonlocal acked
                chance = random.Random(number)
                while True:
                    doing = chance.randrange(6)
                    if doing == 0:
                        client.emit("messaging", "note", number)
                    elif doing == 1:
                        assert await client.emit_with_ack("messaging", "echo", number, timeout=60) == number
                        acked += 1
                    elif doing == 2:
                        async with client.events("messaging", "echo") as echoes:
                            client.emit("messaging", "echo", number)
                            await echoes.next(60)
                    elif doing == 3:
                        await client.join("notifications")
                    elif doing == 4:
                        client.stats()
                        client.queue()
                        await client.connect("ada", "good-ada")
                    else:
                        waiting = asyncio.ensure_future(client.emit_with_ack("messaging", "never"))
                        await asyncio.sleep(0)
                        waiting.cancel()
                    if acked >= 300:
                        full.set()
                    await asyncio.sleep(0)

            hands = [asyncio.ensure_future(hand(number)) for number in range(64)]
            await asyncio.wait_for(asyncio.wait([asyncio.ensure_future(full.wait()), *hands], return_when="FIRST_COMPLETED"), 60)
            await client.close()
            ends = await asyncio.wait_for(asyncio.gather(*hands, return_exceptions=True), 30)
            codes = {getattr(end, "code", repr(end)) for end in ends}
            assert acked >= 300
            assert codes <= {"CLOSED", "DISCONNECTED", "UNKNOWN", "CANCELLED", "LEFT"} | {repr(StopAsyncIteration())}, codes

    asyncio.run(run())


def test_64_threads_with_and_without_loops_of_their_own(stage: Stage) -> None:
    async def begin() -> Any:
        started = await Server.start(stage.port, "nexus")
        client = NexusClient(started.url, reconnect=QUICK, queue_messages=100_000)
        await client.connect("ada", "good-ada")
        await client.join("messaging")
        return started, client

    started, client = asyncio.run(begin())
    failures: List[BaseException] = []

    async def loop_of_its_own(number: int) -> None:
        async with client.events("messaging", "item") as items:
            for turn in range(10):
                assert await client.emit_with_ack("messaging", "echo", [number, turn], timeout=60) == [number, turn]
            client.emit("messaging", "send-items", 1)
            assert (await items.next(60)).name == "item"

    def thread(number: int) -> None:
        try:
            if number % 2:
                asyncio.run(loop_of_its_own(number))
            else:
                for turn in range(50):
                    client.emit("messaging", "note", number * 50 + turn)
                    client.stats()
        except BaseException as failure:
            failures.append(failure)

    async def end() -> None:
        assert await client.emit_with_ack("messaging", "who", timeout=60) == "ada"
        await started.do({"do": "stage.seen", "event": "note", "at_least": 32 * 50})
        await client.close()
        await started.do({"do": "stage.connections", "expect": 0})
        await started.stop()

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(64)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
        assert not one.is_alive()
    assert failures == []
    asyncio.run(end())


def test_threads_that_close_while_others_connect(stage: Stage) -> None:
    async def url() -> Server:
        return await Server.start(stage.port, "nexus")

    started = asyncio.run(url())
    ends: List[Any] = []

    def connect(client: NexusClient) -> None:
        async def run() -> None:
            try:
                await client.connect("ada", lambda _reason: "good-ada")
                ends.append("connected")
            except RealtimeError as error:
                ends.append(error.code)

        asyncio.run(run())

    for _ in range(10):
        client = NexusClient(started.url, reconnect=QUICK)
        threads = [threading.Thread(target=connect, args=(client,)) for _ in range(4)]
        threads += [threading.Thread(target=lambda client=client: asyncio.run(client.close())) for _ in range(4)]
        random.Random(1).shuffle(threads)
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
            assert not one.is_alive()
        assert client.connection_status is ConnectionStatus.DISCONNECTED
    assert len(ends) == 40
    assert set(ends) <= {"connected", "CLOSED", "CANCELLED"}, ends

    async def end() -> None:
        await started.do({"do": "stage.connections", "expect": 0})
        await started.stop()

    asyncio.run(end())


def test_clients_leave_nothing_behind(stage: Stage) -> None:
    async def run() -> None:
        async with server(stage) as started:
            gone: List[Any] = []
            for _ in range(20):
                async with NexusClient(started.url, reconnect=QUICK) as client:
                    await client.connect("ada", lambda _reason: "good-ada")
                    items = client.events("messaging", "item")
                    client.emit("messaging", "send-items", 3)
                    await items.next(10)
                    waiting = asyncio.ensure_future(items.__anext__())
                    client.on("messaging", "echo", print)
                    gone.append(weakref.ref(client))
                waiting.cancel()
                with pytest.raises(ClosedError):
                    client.emit("messaging", "note")
                del client, items, waiting
            await started.do({"do": "stage.connections", "expect": 0})
            await asyncio.sleep(0)
            gc.collect()
            assert [one for one in gone if one() is not None] == []
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


_ACCEPT = """
import asyncio, json, os, signal, sys
from nexus_realtime import NexusClient

async def main(url, store, first, count):
    client = NexusClient(url, store=store)
    connecting = asyncio.ensure_future(client.connect("ada", "good-ada"))
    await asyncio.sleep(0)
    for number in range(first, first + count):
        await client.emit_durable("messaging", "order", number).accepted()
        print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*json.loads(sys.argv[1])))
"""


def test_what_killed_processes_accepted_is_run_once_each(stage: Stage) -> None:
    """Accepted is what the process said it was; none of it may be lost, and none run twice."""
    each = 15

    async def run() -> None:
        async with server(stage) as started:
            for turn in range(4):
                # Absent, then there, then deaf to nothing but heard by nobody: killed in each of them.
                await started.do({"do": ("stage.refuse", "stage.accept", "stage.mute", "stage.unmute")[turn]})
                given = json.dumps([started.url, started.store, turn * each, each])
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", _ACCEPT, given, env=CHILD, stdout=subprocess.PIPE
                )
                said, _ = await asyncio.wait_for(child.communicate(), 60)
                assert child.returncode == -signal.SIGKILL
                assert said.split() == [str(number).encode() for number in range(turn * each, (turn + 1) * each)]
            async with NexusClient(started.url, store=started.store, reconnect=QUICK) as client:
                await client.connect("ada", "good-ada")
                seen = {"do": "stage.seen", "event": "order", "range": [0, 4 * each]}
                await started.do(seen)
                while client.stats().durable_messages:
                    await asyncio.sleep(0.01)
                await started.do(seen)

    asyncio.run(asyncio.wait_for(run(), 90))


_FORKS = """
import asyncio, os, sys
from nexus_realtime import ConfigError, NexusClient

async def main(url):
    async with NexusClient(url) as client:
        await client.connect("ada", "good-ada")
        child = os.fork()
        if child == 0:
            try:
                NexusClient(url)
            except ConfigError as error:
                os._exit(7 if error.code == "NO_RUNTIME" else 8)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert await client.emit_with_ack("messaging", "who") == "ada"

asyncio.run(main(sys.argv[1]))
"""


def test_a_forked_process_is_told_that_it_has_no_threads(stage: Stage) -> None:
    async def run() -> None:
        async with server(stage) as started:
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", _FORKS, started.url, env=CHILD)
            assert await asyncio.wait_for(child.wait(), 60) == 0

    asyncio.run(run())


_ENDS = """
import asyncio, json, logging, sys
import nexus_realtime
from nexus_realtime import NexusClient

logging.basicConfig(level=1, stream=sys.stdout)
nexus_realtime.set_log(5)
url, how = json.loads(sys.argv[1])
kept = []

async def main():
    client = NexusClient(url)
    kept.append(client)
    await client.connect("ada", lambda reason: "good-ada")
    client.emit("messaging", "send-items", 1000)
    items = client.events("messaging", "item")
    kept.append(items)
    pulling = asyncio.ensure_future(items.__anext__())
    client.on("messaging", "item", lambda item: None)
    await asyncio.sleep(0)
    if how == "raise":
        raise SystemExit(3)

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "code"), [("return", 0), ("raise", 3)])
def test_a_program_that_ends_with_an_open_client_ends_well(stage: Stage, how: str, code: int) -> None:
    async def run() -> None:
        async with server(stage) as started:
            for _ in range(5):
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-X", "dev", "-c", _ENDS, json.dumps([started.url, how])),
                    env=CHILD,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                out, error = await asyncio.wait_for(child.communicate(), 60)
                assert (child.returncode, error.decode()) == (code, "")
                assert b"nexus_core" in out
                assert b"good-ada" not in out
            await started.do({"do": "stage.connections", "expect": 0})

    asyncio.run(run())
