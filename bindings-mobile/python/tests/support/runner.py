"""Carries out the steps of scenarios: `tests/behaviour/README.md` describes them."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, Callable, Dict, List, Tuple

from nexus_realtime import EmitError, Event, NexusClient, RealtimeError, Reconnect, SignedOut, TokenReason
from nexus_realtime import DurableMessage, Subscription, UnknownMessageError

from .record import Record
from .stage import Server
from .values import compare, expected, given, same, told

#: How often is looked at what no stream tells.
GLANCE = 0.005
#: Events that are emitted in one go.
BREATH = 100


class Wielded:
    """A client that is under test, and what it has told."""

    def __init__(self, server: Server, options: Any) -> None:
        delay = options.get("reconnectDelay")
        self.client = NexusClient(
            server.url,
            connect_timeout=_seconds(options.get("connectTimeout")),
            background_grace=_seconds(options.get("backgroundGrace")),
            reconnect=Reconnect(
                initial_delay=0.02 if delay is None else delay / 1000,
                max_delay=0.2 if delay is None else delay / 1000,
                jitter=None if delay is None else 0.0,
                max_attempts=options.get("maxAttempts"),
                max_auth_attempts=options.get("maxAuthAttempts"),
            ),
            queue_messages=options.get("queueMessages"),
            durable_messages=options.get("durableMessages"),
            store=server.store if options.get("store") else None,
        )
        self.statuses = Record()
        self.asked = Record()
        self.listeners: Dict[Tuple[str, str], Subscription] = {}
        self._events: Dict[Tuple[str, str], Record] = {}
        self._listening = asyncio.ensure_future(self._listen_to_statuses())

    async def _listen_to_statuses(self) -> None:
        changes = self.client.status_changes()
        # The status of now is no change.
        await changes.next()
        async for change in changes:
            self.statuses.push(change.status.value)

    def events(self, ns: str, event: str) -> Record:
        return self._events.setdefault((ns, event), Record())

    def listen(self, ns: str, event: str, step: Any) -> None:
        record = self.events(ns, event)

        def heard(came: Event[Any]) -> None:
            if came.wants_reply and "reply" in step:
                came.reply(given(step["reply"]))
            record.push(told(came.args))

        self.listeners[ns, event] = self.client.on(ns, event, heard)

    def provider(self, tokens: List[Any]) -> Callable[[TokenReason], Any]:
        left = list(tokens)
        self.asked.take()

        async def provide(reason: TokenReason) -> str:
            self.asked.push(reason.value)
            token = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(token, str):
                return token
            raise SignedOut(token["final"]) if "final" in token else RuntimeError(token["fail"])

        return provide


class Runner:
    """One process' part in a scenario."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: Dict[str, Wielded] = {}
        self.started: Dict[str, Tuple["asyncio.Task[Any]", Any]] = {}
        self.durable: Dict[str, DurableMessage] = {}

    async def run(self, steps: List[Any]) -> None:
        try:
            for number, step in enumerate(steps):
                try:
                    await self.step(step)
                except Exception as error:
                    raise AssertionError(f"step {number}, {step}: {error!r}") from error
        finally:
            for wielded in self.clients.values():
                await wielded.client.close()
                await wielded._listening
            for task, _expect in self.started.values():
                task.cancel()

    async def step(self, step: Any) -> None:
        if self.server.kind not in step.get("only", [self.server.kind]):
            return
        if step["do"].startswith("stage."):
            await self.server.do(step)
            return
        codes = step.get("fails")
        within = step.get("within", 10_000) / 1000
        try:
            await asyncio.wait_for(getattr(self, "do_" + step["do"])(step, within), within)
        except asyncio.CancelledError:
            # The wait that was waited for was cancelled.
            if codes != "CANCELLED":
                raise
            return
        except RealtimeError as error:
            if codes is None or error.code not in (codes if isinstance(codes, list) else [codes]):
                raise
            return
        assert codes is None, "it did not fail"

    def wielded(self, step: Any) -> Wielded:
        return self.clients[step.get("client", "a")]

    async def do_client(self, step: Any, _within: float) -> None:
        self.clients[step.get("client", "a")] = Wielded(self.server, step.get("options", {}))
        # Its recorder begins.
        await asyncio.sleep(0)

    async def start(self, step: Any, doing: Any) -> None:
        task = asyncio.ensure_future(doing)
        if "as" not in step:
            expect(step, told(await task))
            return
        self.started[step["as"]] = task, step
        # Tasks begin with the next turn of the loop.
        await asyncio.sleep(0)

    async def do_connect(self, step: Any, _within: float) -> None:
        wielded, user = self.wielded(step), step.get("user", "ada")
        if "tokens" in step:
            token: Any = wielded.provider(step["tokens"])
        else:
            token = step.get("token", f"good-{user}")
        await self.start(step, wielded.client.connect(user, token))

    async def do_join(self, step: Any, _within: float) -> None:
        await self.start(step, self.wielded(step).client.join(_ns(step)))

    async def do_ack(self, step: Any, _within: float) -> None:
        args = given(step.get("args", []))
        client, timeout = self.wielded(step).client, _seconds(step.get("timeout"))
        await self.start(step, client.emit_with_ack(_ns(step), step["event"], *args, timeout=timeout))

    async def do_await(self, step: Any, _within: float) -> None:
        task, started = self.started.pop(step["of"])
        value = told(await task)
        expect(started, value)
        expect(step, value)

    async def do_cancel_wait(self, step: Any, _within: float) -> None:
        self.started[step["of"]][0].cancel()

    async def do_asked(self, step: Any, _within: float) -> None:
        compare("asked", self.wielded(step).asked.take(), expected(step))

    async def do_disconnect(self, step: Any, _within: float) -> None:
        self.wielded(step).client.disconnect()

    async def do_close(self, step: Any, _within: float) -> None:
        await self.wielded(step).client.close()

    async def do_status(self, step: Any, within: float) -> None:
        client = self.wielded(step).client
        await until(lambda: client.connection_status.value == step["expect"], within)

    async def do_statuses(self, step: Any, within: float) -> None:
        record, wanted = self.wielded(step).statuses, expected(step)
        await record.wait(lambda came: len(came) >= len(wanted), within * 0.9)
        compare("statuses", record.take(), wanted)

    async def do_quality(self, step: Any, within: float) -> None:
        client = self.wielded(step).client
        await until(lambda: client.connection_quality.value in step["expect"], within)

    async def do_background(self, step: Any, _within: float) -> None:
        self.wielded(step).client.enter_background()

    async def do_foreground(self, step: Any, _within: float) -> None:
        self.wielded(step).client.enter_foreground()

    async def do_network(self, step: Any, _within: float) -> None:
        self.wielded(step).client.network_changed(step["reachable"])

    async def do_leave(self, step: Any, _within: float) -> None:
        self.wielded(step).client.leave(_ns(step))

    async def do_joined(self, step: Any, within: float) -> None:
        client = self.wielded(step).client
        await until(lambda: client.is_joined(_ns(step)) == step["expect"], within)

    async def do_listen(self, step: Any, _within: float) -> None:
        self.wielded(step).listen(_ns(step), step["event"], step)

    async def do_unlisten(self, step: Any, _within: float) -> None:
        self.wielded(step).listeners.pop((_ns(step), step["event"])).off()

    async def do_events(self, step: Any, within: float) -> None:
        record, wanted = self.wielded(step).events(_ns(step), step["event"]), expected(step)

        def counting(came: List[Any]) -> List[Any]:
            return [args for args in came if not any(same(args, may) for may in step.get("may", []))]

        await record.wait(lambda came: len(counting(came)) >= len(wanted), within * 0.9)
        compare("events", counting(record.take()), wanted)

    async def do_emit(self, step: Any, _within: float) -> None:
        args = given(step.get("args", []))
        client, volatile = self.wielded(step).client, step.get("volatile", False)
        emitted = client.emit(_ns(step), step["event"], *args, volatile=volatile)
        assert emitted.outcome == step.get("outcome", emitted.outcome), emitted

    async def do_emit_many(self, step: Any, _within: float) -> None:
        client = self.wielded(step).client
        for number in range(*step["range"]):
            if step.get("durable"):
                await client.emit_durable(_ns(step), step["event"], number).accepted()
                continue
            while True:
                try:
                    client.emit(_ns(step), step["event"], number)
                    break
                except EmitError as error:
                    if error.code != "QUEUE_FULL":
                        raise
                    await client.flush()
            if number % BREATH == 0:
                await asyncio.sleep(0)

    async def do_durable(self, step: Any, _within: float) -> None:
        args = given(step.get("args", []))
        message = self.wielded(step).client.emit_durable(_ns(step), step["event"], *args)
        await message.accepted()
        self.durable[step.get("name", "")] = message

    async def do_outcome(self, step: Any, _within: float) -> None:
        outcome = await self.durable[step["of"]].outcome()
        assert outcome.status == step["expect"], outcome
        assert same(told(outcome.value), step["value"]) if "value" in step else True, outcome
        assert outcome.code == step.get("code", outcome.code), outcome

    async def do_queue(self, step: Any, within: float) -> None:
        client = self.wielded(step).client
        await until(lambda: len(client.queue()) == step["expect"], within)

    async def do_cancel(self, step: Any, _within: float) -> None:
        client = self.wielded(step).client
        if "of" in step:
            messages = [self.durable[step["of"]].id]
        else:
            messages = [queued.message for queued in client.queue() if queued.event == step["event"]][:1]
        try:
            for message in messages:
                client.cancel(message)
            cancelled = bool(messages)
        except UnknownMessageError:
            cancelled = False
        assert cancelled == step["expect"]

    async def do_die(self, _step: Any, _within: float) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def expect(step: Any, value: Any) -> None:
    assert "expect" not in step or same(value, step["expect"]), f"{value}, not {step['expect']}"


async def until(condition: Callable[[], bool], within: float) -> None:
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "not in time"
        await asyncio.sleep(GLANCE)


def _ns(step: Any) -> str:
    ns: str = step.get("ns", "messaging")
    return ns


def _seconds(milliseconds: Any) -> Any:
    return None if milliseconds is None else milliseconds / 1000
