"""What the boundary costs in Python: `python bench/bench.py URL [--events N] [--idle SECONDS]`.

The server has the events of `tests/examples/behaviour-server.rs`. Prints one line of JSON for each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pathlib
import resource
import sys
import time
from typing import Any, Dict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))


def rss_kib() -> int:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


RSS_BEFORE = rss_kib()

from nexus_realtime import EmitError, NexusClient, _stream  # noqa: E402


def tell(what: str, **figures: Any) -> None:
    print(json.dumps({"language": "python", "what": what, **figures}), flush=True)


class Timed:
    """Wall clock and processor time of all threads, for each of `count`."""

    def __init__(self, what: str, count: int, **figures: Any) -> None:
        self.what, self.count, self.figures = what, count, figures

    def __enter__(self) -> None:
        self.began = time.perf_counter(), cpu()

    def __exit__(self, error: Any, *_rest: Any) -> None:
        if error is not None:
            return
        took, spent = time.perf_counter() - self.began[0], cpu() - self.began[1]
        per = 1e6 / self.count
        figures = {"count": self.count, "per_second": round(self.count / took), "cpu_us_each": round(spent * per, 2)}
        tell(self.what, **self.figures, **figures)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def receive(client: NexusClient, count: int, batch: int) -> None:
    _stream.BATCH = batch
    items = client.events("messaging", "item")
    with Timed("received", count, batch=batch):
        client.emit("messaging", "send-items", count)
        for number in range(count):
            event = await items.__anext__()
            assert event.data == number and not event.missed
    items.close()


async def emit(client: NexusClient, count: int) -> None:
    with Timed("emitted", count):
        for number in range(count):
            while True:
                try:
                    client.emit("messaging", "nothing", number)
                    break
                except EmitError as error:
                    if error.code != "QUEUE_FULL":
                        raise
                    await client.flush()
        await client.emit_with_ack("messaging", "echo", timeout=60)


async def ask(client: NexusClient, count: int, at_once: int) -> None:
    async def one_by_one() -> None:
        for number in range(count // at_once):
            assert await client.emit_with_ack("messaging", "echo", number) == number

    with Timed("acknowledged", count // at_once * at_once, at_once=at_once):
        await asyncio.gather(*(one_by_one() for _ in range(at_once)))


def switches() -> Dict[str, int]:
    """Voluntary context switches by thread: each is one wake-up."""
    found = {}
    for task in pathlib.Path("/proc/self/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        figures = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        found[f"{figures['Name']}-{task.name}"] = int(figures["voluntary_ctxt_switches"])
    return found


async def rest(what: str, seconds: float) -> None:
    before = switches()
    await asyncio.sleep(seconds)
    after = switches()
    woken = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    # One of them is the timer of this measurement.
    tell(what, seconds=seconds, wakeups_per_minute=round(sum(woken.values()) * 60 / seconds, 1), threads=woken)


async def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("url")
    options.add_argument("--events", type=int, default=50_000)
    options.add_argument("--idle", type=float, default=0)
    given = options.parse_args()
    async with NexusClient(given.url, background_grace=0.1) as client:
        await client.connect("ada", "good-ada")
        await client.join("messaging")
        await asyncio.sleep(1)
        tell("memory", rss_kib=rss_kib(), rss_kib_before_import=RSS_BEFORE)
        if given.idle:
            await rest("idle, connected", given.idle)
            client.enter_background()
            while client.connection_status != "disconnected":
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            await rest("idle, in the background", given.idle)
            client.enter_foreground()
            await client.emit_with_ack("messaging", "echo")
        await ask(client, 200, 1)
        for batch in (64, 1):
            await receive(client, given.events, batch)
        await emit(client, given.events)
        await ask(client, given.events // 5, 1)
        await ask(client, given.events // 5, 64)


asyncio.run(main())
