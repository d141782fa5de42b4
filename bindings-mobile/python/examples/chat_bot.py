"""A bot that answers messages, whatever becomes of the network or of itself.

    cargo xtask demo                                        # the server, in one terminal
    python examples/chat_bot.py --store /tmp/bot-outbox     # the bot, in another; write to "bot" from the page

Answers are durable: accepted ones outlive a kill of the bot, and on this server have their effect once.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import signal
import urllib.request

from nexus_realtime import (
    EmitError,
    MessageDropped,
    NexusClient,
    Restored,
    RetryScheduled,
    TokenReason,
    TokenUnavailable,
)


@dataclasses.dataclass
class Message:
    """What arrives. Field names are those of the wire."""

    senderId: str
    content: str


@dataclasses.dataclass
class Draft:
    receiverId: str
    content: str


def demo_token(url: str, user: str) -> str:
    body = json.dumps({"userId": user}).encode()
    request = urllib.request.Request(f"{url}/demo/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        token: str = json.load(answer)["token"]
        return token


def thought(content: str) -> str:
    """The bot's mind."""
    return "I hear you." if content.endswith("?") else content[::-1]


async def answer(client: NexusClient, name: str, is_durable: bool) -> None:
    async for event in client.events("messaging", "NEW_MESSAGE", Message):
        message = event.data
        if message.senderId == name:
            continue
        print(f"{message.senderId}: {message.content}")
        draft = Draft(message.senderId, thought(message.content))
        try:
            if is_durable:
                await client.emit_durable("messaging", "NEW_MESSAGE", draft).accepted()
            else:
                client.emit("messaging", "NEW_MESSAGE", draft)
        except EmitError as refused:
            print(f"the answer was refused: {refused}")


async def watch(client: NexusClient) -> None:
    async for change in client.status_changes():
        print(f"-- {change.status.value}" + (f": {change.reason.text}" if change.reason else ""))


async def notice(client: NexusClient) -> None:
    async for told in client.notices():
        if isinstance(told, RetryScheduled):
            print(f"-- again in {told.delay:.1f} s")
        elif isinstance(told, Restored) and told.messages:
            print(f"-- {len(told.messages)} answers of an earlier life are sent")
        elif isinstance(told, MessageDropped):
            print(f"-- a message was given up: {told.reason}")


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://127.0.0.1:3000")
    options.add_argument("--name", default="bot")
    options.add_argument("--store", help="directory of the answers that are not sent yet")
    given = options.parse_args()

    async def fetch(_reason: TokenReason) -> str:
        try:
            return await asyncio.to_thread(demo_token, given.url, given.name)
        except OSError as error:
            raise TokenUnavailable(f"no token: {error}") from error

    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with NexusClient(given.url, store=given.store) as client:
        tasks = [
            asyncio.ensure_future(part)
            for part in (watch(client), notice(client), answer(client, given.name, bool(given.store)))
        ]
        connecting = asyncio.ensure_future(client.connect(given.name, fetch))
        stopping = asyncio.ensure_future(stopped.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, connecting):
            task.cancel()
    await asyncio.gather(*tasks, connecting, stopping, return_exceptions=True)


asyncio.run(main())
