"""Token providers, the good and the bad."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, List

import pytest
from nexus_realtime import ConnectError, NexusClient, SignedOut, TokenReason, TokenUnavailable
from support.connected import QUICK, server
from support.stage import Stage


def test_a_provider_is_asked_on_the_loop_that_connects(stage: Stage) -> None:
    async def run() -> None:
        asked: List[Any] = []

        async def provide(reason: TokenReason) -> str:
            asked.append((reason, threading.current_thread(), asyncio.get_running_loop()))
            await asyncio.sleep(0)
            return "bad" if len(asked) == 1 else "good-ada"

        async with server(stage) as started, NexusClient(started.url, reconnect=QUICK) as client:
            await client.connect("ada", provide)
            here = threading.current_thread(), asyncio.get_running_loop()
            assert asked == [(TokenReason.CONNECTING, *here), (TokenReason.REJECTED, *here)]
            await client.connect("ada", lambda _reason: "good-ada")

    asyncio.run(run())


@pytest.mark.parametrize(
    "failure",
    [TokenUnavailable("later"), RuntimeError("\ud800 broken"), KeyError(), asyncio.CancelledError(), TimeoutError()],
    ids=lambda failure: type(failure).__name__,
)
def test_whatever_a_provider_raises_has_it_asked_again(stage: Stage, failure: BaseException) -> None:
    async def run() -> None:
        asked: List[TokenReason] = []

        def provide(reason: TokenReason) -> str:
            asked.append(reason)
            if len(asked) < 3:
                raise failure
            return "good-ada"

        async with server(stage) as started, NexusClient(started.url, reconnect=QUICK) as client:
            await client.connect("ada", provide)
            assert asked == [TokenReason.CONNECTING] * 3

    asyncio.run(run())


@pytest.mark.parametrize("given", [None, 7, b"good-ada", SignedOut("signed out"), SignedOut()])
def test_being_signed_out_is_final(stage: Stage, given: Any) -> None:
    async def run() -> None:
        async def provide(_reason: TokenReason) -> Any:
            if isinstance(given, SignedOut):
                raise given
            return given

        async with server(stage) as started, NexusClient(started.url, reconnect=QUICK) as client:
            with pytest.raises(ConnectError) as error:
                await client.connect("ada", provide)
            assert error.value.code == "TOKEN_UNAVAILABLE"
            assert error.value.is_final

    asyncio.run(run())


def test_what_the_server_says_is_told(stage: Stage) -> None:
    async def run() -> None:
        async with server(stage) as started, NexusClient(started.url, reconnect=QUICK) as client:
            with pytest.raises(ConnectError) as error:
                await client.connect("ada", "bad")
            assert (error.value.code, error.value.server_message) == ("AUTH_REJECTED", "unauthorized")
            assert error.value.requires_sign_in
            assert error.value.data == {"code": "unauthorized"}

    asyncio.run(run())


def test_a_provider_that_never_answers_is_given_up_and_cancelled(stage: Stage) -> None:
    async def run() -> None:
        cancelled = asyncio.Event()
        asked: List[TokenReason] = []

        async def provide(reason: TokenReason) -> str:
            asked.append(reason)
            if len(asked) > 1:
                return "good-ada"
            try:
                return await asyncio.get_running_loop().create_future()
            finally:
                cancelled.set()

        async with server(stage) as started:
            async with NexusClient(started.url, reconnect=QUICK, token_timeout=0.1) as client:
                await client.connect("ada", provide)
                await asyncio.wait_for(cancelled.wait(), 10)
                assert len(asked) == 2

    asyncio.run(run())


def test_closing_does_not_wait_for_a_provider(stage: Stage) -> None:
    async def run() -> None:
        asked = asyncio.Event()

        async def provide(_reason: TokenReason) -> str:
            asked.set()
            return await asyncio.get_running_loop().create_future()

        async with server(stage) as started, NexusClient(started.url) as client:
            connecting = asyncio.ensure_future(client.connect("ada", provide))
            await asyncio.wait_for(asked.wait(), 10)
            await asyncio.wait_for(client.close(), 5)
            with pytest.raises(Exception, match="CLOSED|CANCELLED"):
                await connecting

    asyncio.run(run())


def test_a_provider_whose_loop_is_over_is_none(stage: Stage) -> None:
    """The client outlives the loop that it was connected on: another one takes over."""

    async def begin(url: str) -> NexusClient:
        client = NexusClient(url, reconnect=QUICK)
        await client.connect("ada", lambda _reason: "good-ada")
        return client

    async def go_on(client: NexusClient, started: Any) -> None:
        async with client:
            assert await client.emit_with_ack("messaging", "who") == "ada"
            await started.do({"do": "stage.cut"})
            notices = client.notices()
            while client.connection_status.value == "connected":
                await notices.next(10)
            await client.connect("ada", lambda _reason: "good-ada")
            assert await client.emit_with_ack("messaging", "who") == "ada"

    async def start() -> Any:
        from support.stage import Server

        return await Server.start(stage.port, "nexus")

    started = asyncio.run(start())
    client = asyncio.run(begin(started.url))
    asyncio.run(go_on(client, started))
    asyncio.run(started.stop())
