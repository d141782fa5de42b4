"""What crosses the boundary, and what is refused before it does."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import Any, List, Optional

import pytest
from nexus_realtime import ConfigError, DecodeError, EmitError, NexusClient, Reconnect, ReplyError
from support.connected import connected
from support.stage import Stage

NOBODY = "http://127.0.0.1:9"


@dataclasses.dataclass
class Message:
    content: str
    photo: Optional[bytes] = None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"url": "localhost"}, "INVALID_URL"),
        ({"url": "http://localhost/chat"}, "URL_WITH_PATH"),
        ({"auth": {"token": "mine"}}, "RESERVED_AUTH_FIELD"),
        ({"auth": {"key": object()}}, "INVALID_OPTION"),
        ({"primary_namespace": "a,b"}, "INVALID_NAMESPACE"),
        ({"only_roots_pem": "no certificate"}, "INVALID_ROOTS"),
        ({"ack_timeout": -1}, "INVALID_OPTION"),
        ({"ack_timeout": math.nan}, "INVALID_OPTION"),
        ({"ack_timeout": "10"}, "INVALID_OPTION"),
        ({"ack_timeout": True}, "INVALID_OPTION"),
        ({"queue_messages": -1}, "INVALID_OPTION"),
        ({"queue_messages": 1.5}, "INVALID_OPTION"),
        ({"queue_overflow": "explode"}, "INVALID_OPTION"),
        ({"headers": {"name": 1}}, "INVALID_OPTION"),
        ({"reconnect": Reconnect(max_attempts=1 << 40)}, "INVALID_OPTION"),
    ],
)
def test_options_that_can_not_be_used_are_refused(options: Any, code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        NexusClient(options.pop("url", NOBODY), **options)
    assert refused.value.code == code
    assert code in str(refused.value)


def test_an_unknown_option_is_no_option() -> None:
    with pytest.raises(TypeError):
        NexusClient(NOBODY, ack_timeuot=1)  # type: ignore[call-arg]


def deep(levels: int) -> List[Any]:
    value: List[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "argument",
    [
        object(),
        {1, 2},
        math.nan,
        math.inf,
        "\ud800",
        {"key": "\udfff"},
        {(1, 2): "tuple as a key"},
        deep(600),
        deep(100_000),
        [b"bytes", {"_placeholder": True, "num": 0}],
        Message,
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_what_json_can_not_hold_is_refused_and_nothing_is_queued(argument: Any) -> None:
    async def run() -> None:
        async with NexusClient(NOBODY) as client:
            connecting = asyncio.ensure_future(client.connect("ada", "token"))
            await asyncio.sleep(0)
            for emit in (client.emit, client.emit_durable):
                with pytest.raises(EmitError) as refused:
                    emit("messaging", "note", argument)
                assert refused.value.code == "NOT_ENCODABLE"
                assert not refused.value.is_retryable
            with pytest.raises(EmitError):
                await client.emit_with_ack("messaging", "note", argument)
            assert client.queue() == []
            connecting.cancel()

    asyncio.run(run())


def test_values_and_bytes_come_back_as_they_were(stage: Stage) -> None:
    args = [
        None,
        True,
        -(2**53),
        1.5,
        "größer 日本語 🚀 \u2028 \x00",
        {"parts": [b"", b"\x00\xff", {"deep": bytearray(b"abc")}]},
        memoryview(b"view"),
        Message("hi", b"photo"),
        '"_placeholder":',
    ]
    expected = [
        *args[:5],
        {"parts": [b"", b"\x00\xff", {"deep": b"abc"}]},
        b"view",
        {"content": "hi", "photo": b"photo"},
        '"_placeholder":',
    ]

    async def run() -> None:
        async with connected(stage) as client:
            assert await client.emit_with_acks("messaging", "echo", *args) == expected
            # An object like a placeholder is fine without bytes beside it.
            alone = {"_placeholder": True, "num": 0}
            assert await client.emit_with_ack("messaging", "echo", alone) == alone
            assert await client.emit_with_ack("messaging", "echo") is None

    asyncio.run(run())


def test_events_are_typed_and_one_that_is_not_does_not_end_the_stream(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            events = client.events("messaging", "echo", Message)
            client.emit("messaging", "echo", {"content": "one", "unknown": 1})
            client.emit("messaging", "echo", {"photo": b"no content"})
            client.emit("messaging", "echo", "text")
            client.emit("messaging", "echo")
            client.emit("messaging", "echo", Message("two", b"photo"), "second")
            assert (await events.next(10)).data == Message("one")
            for _ in range(3):
                event = await events.next(10)
                with pytest.raises(DecodeError, match="echo.*Message") as error:
                    _never = event.data
                assert (error.value.code, error.value.event) == ("NOT_DECODABLE", "echo")
                assert error.value.expected == "Message"
            event = await events.next(10)
            assert event.data is event.data
            assert event.data == Message("two", b"photo")
            assert (event.namespace, event.name, event.missed) == ("messaging", "echo", 0)
            assert event.args[1] == "second"
            assert event.attachments == [b"photo"]
            assert event.json.endswith('{"_placeholder":true,"num":0}},"second"]')
            assert not event.wants_reply
            with pytest.raises(ReplyError) as refused:
                event.reply(1)
            assert refused.value.code == "NOT_ASKED"
            assert await client.emit_with_ack("messaging", "echo", 7, into=str) == "7"
            with pytest.raises(DecodeError):
                await client.emit_with_ack("messaging", "echo", "seven", into=int)

    asyncio.run(run())


def test_the_server_is_answered_once(stage: Stage) -> None:
    async def run() -> None:
        async with connected(stage) as client:
            questions = client.events("messaging", "question")
            asked = asyncio.ensure_future(client.emit_with_ack("messaging", "ask", "question", ["what?"]))
            question = await questions.next(10)
            assert question.wants_reply
            with pytest.raises(ReplyError) as refused:
                question.reply(object())
            assert refused.value.code == "NOT_ENCODABLE"
            question.reply(b"bytes", 42)
            with pytest.raises(ReplyError) as refused:
                question.reply("again")
            assert refused.value.code == "GONE"
            assert await asked == {"replies": [b"bytes", 42]}

    asyncio.run(run())
