"""A server of the stage, and clients of it."""

from __future__ import annotations

import contextlib
from typing import Any, AsyncIterator

from nexus_realtime import NexusClient, Reconnect

from .stage import Server, Stage

QUICK = Reconnect(initial_delay=0.02, max_delay=0.2)


@contextlib.asynccontextmanager
async def server(stage: Stage, kind: str = "nexus") -> AsyncIterator[Server]:
    started = await Server.start(stage.port, kind)
    try:
        yield started
    finally:
        await started.stop()


@contextlib.asynccontextmanager
async def connected(stage: Stage, **options: Any) -> AsyncIterator[NexusClient]:
    """A client that is connected as ada."""
    async with server(stage) as started, NexusClient(started.url, reconnect=QUICK, **options) as client:
        await client.connect("ada", "good-ada")
        yield client
