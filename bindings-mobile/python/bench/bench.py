"""What the boundary costs in Python, as lines of JSON: `python bench/bench.py [EVENTS]`.

Wants a stage of `tests/behaviour`: see `tests/support/stage.py`. `cargo xtask bench mobile` runs it beside the programs of
the other languages.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import resource
import sys
import time
from typing import Any, Callable, Coroutine, Dict

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PACKAGE), str(PACKAGE / "tests")]


def resident() -> int:
    """In bytes; 0 where the system does not tell."""
    status = pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


BEFORE = resident()

from nexus_realtime import EmitError, NexusClient, _stream  # noqa: E402
from support.stage import Server, Stage  # noqa: E402


def show(name: str, **figures: Any) -> None:
    print(json.dumps({"language": "python", "name": name, **figures}), flush=True)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(name: str, count: int, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Time by the clock, and of all threads on the processor."""
    began, spent = time.perf_counter(), cpu()
    await body()
    seconds, spent = time.perf_counter() - began, cpu() - spent
    figures: Dict[str, Any] = {"count": count, "seconds": seconds, "perSecond": count / seconds}
    show(name, **figures, microseconds=seconds / count * 1e6, cpuMicroseconds=spent / count * 1e6)


async def run(server: Server, count: int) -> None:
    async with NexusClient(server.url, event_buffer=count) as client:
        await client.connect("ada", "good-ada")
        await client.join("messaging")

        async def receive(is_decoded: bool) -> None:
            items = client.events("messaging", "item")
            client.emit("messaging", "send-items", count)
            for number in range(count):
                event = await items.__anext__()
                assert not is_decoded or event.data == number
            items.close()

        async def emit() -> None:
            for number in range(count):
                while True:
                    try:
                        client.emit("messaging", "silence", number)
                        break
                    except EmitError as error:
                        if error.code != "QUEUE_FULL":
                            raise
                        await client.flush()
            await client.flush()

        trips = max(1, count // 10)

        async def ask(first: int, step: int) -> None:
            for number in range(first, trips, step):
                assert await client.emit_with_ack("messaging", "echo", number) == number

        async def ask_at_once() -> None:
            await asyncio.gather(*(ask(first, 64) for first in range(64)))

        for name, batch in (("64", 64), ("one", 1)):
            _stream.BATCH = batch
            await measure(f"events received, {name} a crossing", count, lambda: receive(False))
        _stream.BATCH = 64
        await measure("events received and decoded", count, lambda: receive(True))
        await measure("emits, until they are handed to the network", count, emit)
        await measure("acknowledged round trips, one after another", trips, lambda: ask(0, 1))
        await measure("acknowledged round trips, 64 at a time", trips, ask_at_once)


async def idle(server: Server) -> None:
    """Before everything else, in a process that has done nothing."""
    async with NexusClient(server.url) as client:
        await client.connect("ada", "good-ada")
        await client.join("messaging")
        await asyncio.sleep(1)
        show("resident memory of this process, connected", bytes=resident())
        show("resident memory of this process, before the package was imported", bytes=BEFORE)


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    stage = Stage()
    try:
        server = await Server.start(stage.port, "nexus")
        await idle(server)
        await run(server, count)
        await server.stop()
    finally:
        stage.stop()


asyncio.run(main())
