"""The client."""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import inspect
import os
import weakref
from typing import (
    Any,
    Awaitable,
    Callable,
    List,
    Mapping,
    Optional,
    Set,
    TypeVar,
    Union,
    overload,
)

from . import _notice, _status
from ._durable import DurableMessage
from ._errors import FFI_ERRORS, ConfigError, EmitError, translated
from ._event import Event
from ._ffi import nexus_mobile as ffi
from ._options import Reconnect, lowered
from ._payload import Into, NotEncodable, decode, encode, first, typed
from ._status import ConnectionStatus, Quality, Stats, StatusChange
from ._stream import Stream
from ._time import milliseconds, wait
from ._token import Provider, TokenProvider

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Emitted:
    """What became of an emit so far."""

    #: `transmitted` (handed to the transport), `queued`, or `dropped` (it was volatile and could not be written).
    outcome: str
    #: Names it: see `NexusClient.cancel`. `None` if it was dropped.
    message: Optional[int]


@dataclasses.dataclass(frozen=True)
class QueuedMessage:
    """A message in the offline queue."""

    #: Names it: see `NexusClient.cancel`.
    message: int
    namespace: str
    event: str
    args: List[Any]
    #: What it counts against the queue's bound.
    bytes: int
    #: From now until it is dropped, in seconds.
    expires_in: float
    #: Whether it asks for an acknowledgement.
    awaits_ack: bool


class Subscription:
    """A handler that gets events: see `NexusClient.on`."""

    def __init__(self, stream: Stream[Any]) -> None:
        self._stream = stream

    def off(self) -> None:
        """Ends it. A handler that is running runs to its end."""
        self._stream.close()


class NexusClient:
    """A realtime client.

        async with NexusClient("https://example.com") as client:
            await client.connect("ada", fetch_token)
            async for event in client.events("messaging", "NEW_MESSAGE"):
                print(event.data)

    Namespaces are named without their slash (`messaging` is `/messaging`, `/` the root), and joined when they are first
    used. Methods that are not `async` return at once, and may be called from any thread; those that are, from any event
    loop. Everything in time is in seconds. Letting go of a client closes it.

    `None` is the default of each option. Numbers out of bounds are brought within them.

    - `path`: at which the server mounts Socket.IO. `/socket.io/`.
    - `query`: further query parameters of the connection. Not for tokens: servers and proxies log addresses.
    - `headers`: further HTTP headers of the connection.
    - `primary_namespace`: the one that carries the connection. `realtime`.
    - `auth`: JSON values by name, sent with the joining of each namespace besides `token` and `userId`.
    - `only_roots_pem`: certificates in PEM form, which `https://` and `wss://` servers are trusted by, and by no others. What
      the platform trusts.
    - `recovery`: whether a session that a lost connection ended is resumed where the server offers it. `True`.
    - `deduplicate`: whether an event is dropped that says itself that it came before, on servers that do not number
      events. `True`.
    - `rejoin_after_server_disconnect`: whether a namespace that the server ended is joined again. `False`.
    - `open_timeout`: opening of the transport and the handshake. 0.1 to 300. 20.
    - `authentication_timeout`: the server's answer to the joining of a namespace. 0.1 to 300. 15.
    - `token_timeout`: the token provider's answer. 0.1 to 300. 15.
    - `connect_timeout`: when `connect` is rejected for want of a connection; the client keeps trying. 0.1 to 3,600. 45.
    - `ack_timeout`: how long an acknowledgement is awaited, from the emit on. Up to a day. 10.
    - `background_grace`: how long the connection is kept in the background. Up to a day. 20.
    - `verify_timeout`: time for a sign of life when the connection is checked. 0.1 to 60. 5.
    - `probe_interval`: time between measurements of the round trip at quality good. 1 to 3,600. 10.
    - `reconnect`: see `Reconnect`.
    - `queue_messages`, `queue_bytes`: what may wait while there is no connection. 1,000 and 16 MiB.
    - `queue_ttl`: how long one may wait if the emit does not say. Up to 30 days. A day.
    - `queue_overflow`: `"reject-new"` or `"drop-oldest"`. The former.
    - `namespace_priority`: namespaces whose waiting messages go out first, the highest number before others; 0 is that
      of those not named.
    - `store`: directory of the durable messages, made if it is missing; clients and processes may share it. None, and
      durable emits are refused.
    - `durable_messages`, `durable_bytes`: those that have not ended. 10,000 and 64 MiB.
    - `durable_ttl`: how long one is tried if the emit does not say. Up to 30 days. A day.
    - `event_buffer`: items that may wait in one stream, besides a batch of 64. At least 1. 1,024.
    - `listener_patience`: how long the client stops reading for a stream that is behind before that one misses events. 1.

    Raises `ConfigError`.
    """

    def __init__(
        self,
        url: str,
        *,
        path: Optional[str] = None,
        query: Optional[Mapping[str, str]] = None,
        headers: Optional[Mapping[str, str]] = None,
        primary_namespace: Optional[str] = None,
        auth: Optional[Mapping[str, Any]] = None,
        only_roots_pem: Optional[str] = None,
        recovery: Optional[bool] = None,
        deduplicate: Optional[bool] = None,
        rejoin_after_server_disconnect: Optional[bool] = None,
        open_timeout: Optional[float] = None,
        authentication_timeout: Optional[float] = None,
        token_timeout: Optional[float] = None,
        connect_timeout: Optional[float] = None,
        ack_timeout: Optional[float] = None,
        background_grace: Optional[float] = None,
        verify_timeout: Optional[float] = None,
        probe_interval: Optional[float] = None,
        reconnect: Optional[Reconnect] = None,
        queue_messages: Optional[int] = None,
        queue_bytes: Optional[int] = None,
        queue_ttl: Optional[float] = None,
        queue_overflow: Optional[str] = None,
        namespace_priority: Optional[Mapping[str, int]] = None,
        store: Optional[Union[str, "os.PathLike[str]"]] = None,
        durable_messages: Optional[int] = None,
        durable_bytes: Optional[int] = None,
        durable_ttl: Optional[float] = None,
        event_buffer: Optional[int] = None,
        listener_patience: Optional[float] = None,
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "url", "__class__")}
        _check_process()
        try:
            self._client = ffi.Client(lowered(url, options))
        except FFI_ERRORS as error:
            raise translated(error) from None
        self._handlers: Set["asyncio.Task[None]"] = set()
        _open.add(self)

    # Connection

    async def connect(self, user_id: str, token: Union[str, TokenProvider]) -> None:
        """Connects as a user: waits until the primary namespace is joined, within `connect_timeout`.

        `token` is a text for all connections, or a function, `async` or not, that is asked for one with each connection
        and again when the server refuses one: see `TokenProvider`.

        If the same user is connected already, or being connected, nothing happens but that a new token takes the place of
        the old one. Another user: disconnects first. Giving up the wait does not stop the connecting.

        Raises `ConnectError` or `ClosedError`.
        """
        try:
            if isinstance(token, str):
                await self._client.connect(user_id, token)
            else:
                await self._client.connect_with(user_id, Provider(token, asyncio.get_running_loop()))
        except FFI_ERRORS as error:
            raise translated(error) from None

    def disconnect(self) -> None:
        """Ends the connection, or the search for one, until `connect` is called again.

        Streams stay, and so does the offline queue, for the same user.
        """
        self._client.disconnect()

    @property
    def connection_status(self) -> ConnectionStatus:
        """The status of now."""
        return _status.status(self._client.connection_status())

    @property
    def connection_quality(self) -> Quality:
        """The quality of now; `OFFLINE` unless connected."""
        return _status.quality(self._client.connection_quality())

    @property
    def average_latency(self) -> Optional[float]:
        """Mean round trip time in seconds; `None` until there is a sample."""
        return _status.seconds(self._client.average_latency_ms())

    def stats(self) -> Stats:
        """All figures."""
        return _status.stats(self._client.stats())

    def status_changes(self) -> Stream[StatusChange]:
        """The status as it is, then each change."""
        return Stream(self._client.status_changes(), _status.status_change)

    def quality_changes(self) -> Stream[Quality]:
        """The quality as it is, then each change."""
        return Stream(self._client.quality_changes(), _status.quality)

    def notices(self) -> Stream[_notice.Notice]:
        """What befalls the connection besides, from now on."""
        return Stream(self._client.notices(), _notice.notice)

    def network_changed(self, reachable: bool) -> None:
        """The network has changed, or come or gone. The connection is checked, or sought again at once."""
        self._client.network_changed(reachable)

    def enter_background(self) -> None:
        """The application is not visible any more. After `background_grace` the connection is closed."""
        self._client.enter_background()

    def enter_foreground(self) -> None:
        """The application is visible again: checks the connection, or connects again at once."""
        self._client.enter_foreground()

    def suspend(self) -> None:
        """The application is about to be stopped: as `enter_background`, with the grace over at once."""
        self._client.suspend()

    async def close(self, timeout: Optional[float] = 10) -> None:
        """Disconnects for good, ends streams, and resolves all waits. Durable messages stay in the store.

        Waits until everything has ended; the client is closed at once, however long that takes. May be called again.

        Raises `WaitTimedOutError`.
        """
        try:
            await self._client.close(wait("timeout", timeout))
        except FFI_ERRORS as error:
            raise translated(error) from None

    async def __aenter__(self) -> "NexusClient":
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    # Namespaces and listening

    async def join(self, namespace: str, timeout: Optional[float] = 30) -> None:
        """Joins a namespace, with this connection and each later one, and waits until it is joined for the first time.

        Raises `JoinError` if the server refuses or does not answer (it is tried again with the next connection),
        `WaitTimedOutError` or `ClosedError`.
        """
        try:
            await self._client.join(namespace, wait("timeout", timeout))
        except FFI_ERRORS as error:
            raise translated(error) from None

    def leave(self, namespace: str) -> None:
        """Leaves a namespace. What is queued for it is dropped. Streams stay, for when it is joined again.

        Raises `JoinError` if it is the primary namespace, or was not wanted.
        """
        try:
            self._client.leave(namespace)
        except FFI_ERRORS as error:
            raise translated(error) from None

    def is_joined(self, namespace: str) -> bool:
        """Whether a namespace is joined now."""
        return self._client.is_joined(namespace)

    @overload
    def events(self, namespace: str, event: str) -> Stream[Event[Any]]: ...

    @overload
    def events(self, namespace: str, event: str, into: Into[T]) -> Stream[Event[T]]: ...

    def events(self, namespace: str, event: str, into: Optional[Into[Any]] = None) -> Stream[Event[Any]]:
        """The events of one name from this call on. Joins the namespace.

        `into` makes of the first argument what `Event.data` is: a dataclass, or any function.

        Raises `JoinError` if the namespace can't be joined, or `ClosedError`.
        """
        try:
            source = self._client.events(namespace, event)
        except FFI_ERRORS as error:
            raise translated(error) from None
        return Stream(source, lambda item: Event(item, into))

    def on(
        self,
        namespace: str,
        event: str,
        handler: Callable[[Event[Any]], Union[None, Awaitable[None]]],
        into: Optional[Into[Any]] = None,
    ) -> Subscription:
        """Has `handler`, `async` or not, called with each event on the running event loop, one after another.

        What it raises goes to the loop's exception handler, and it keeps getting events. Raises as `events` does.
        """
        loop = asyncio.get_running_loop()
        stream = self.events(namespace, event, into) if into else self.events(namespace, event)
        task = loop.create_task(_handle(stream, handler))
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        return Subscription(stream)

    def off(self, namespace: str, event: str) -> int:
        """Ends all streams and handlers of an event; gives their number."""
        return self._client.off(namespace, event)

    # Sending

    def emit(
        self, namespace: str, event: str, *args: Any, volatile: bool = False, ttl: Optional[float] = None
    ) -> Emitted:
        """Sends an event, or queues it while there is no connection.

        Arguments are JSON values, and, at any depth, bytes and instances of dataclasses. A volatile event is dropped when
        it can't be written now. `ttl`: how long it may wait; default: `queue_ttl`.

        Raises `EmitError` if it is refused, or `ClosedError`.
        """
        try:
            emitted: Any = self._client.emit(_outgoing(namespace, event, args, volatile=volatile, ttl=ttl))
        except FFI_ERRORS as error:
            raise translated(error) from None
        if isinstance(emitted, ffi.Emitted.DROPPED):
            return Emitted("dropped", None)
        outcome = "transmitted" if isinstance(emitted, ffi.Emitted.TRANSMITTED) else "queued"
        return Emitted(outcome, emitted.message)

    @overload
    async def emit_with_ack(
        self,
        namespace: str,
        event: str,
        *args: Any,
        timeout: Optional[float] = None,
        ttl: Optional[float] = None,
    ) -> Any: ...

    @overload
    async def emit_with_ack(
        self,
        namespace: str,
        event: str,
        *args: Any,
        timeout: Optional[float] = None,
        ttl: Optional[float] = None,
        into: Into[T],
    ) -> T: ...

    async def emit_with_ack(
        self,
        namespace: str,
        event: str,
        *args: Any,
        timeout: Optional[float] = None,
        ttl: Optional[float] = None,
        into: Optional[Into[Any]] = None,
    ) -> Any:
        """Sends an event and gives the first argument of its acknowledgement, `None` if there is none.

        `timeout` counts from now; default: `ack_timeout`. `into` as in `events`. Cancelling the wait does not take the
        event back.

        Raises `EmitError` if it is refused, `AckError` if it is not acknowledged, `DecodeError` or `ClosedError`.
        """
        value = first(await self.emit_with_acks(namespace, event, *args, timeout=timeout, ttl=ttl))
        return value if into is None else typed(value, into, event)

    async def emit_with_acks(
        self,
        namespace: str,
        event: str,
        *args: Any,
        timeout: Optional[float] = None,
        ttl: Optional[float] = None,
    ) -> List[Any]:
        """As `emit_with_ack`, with all arguments of the acknowledgement."""
        try:
            outgoing = _outgoing(namespace, event, args, ttl=ttl, timeout=timeout)
            return decode(await self._client.emit_with_ack(outgoing))
        except FFI_ERRORS as error:
            raise translated(error) from None

    def emit_durable(self, namespace: str, event: str, *args: Any, ttl: Optional[float] = None) -> DurableMessage:
        """Keeps an event in the store until the server has it. It is accepted once `accepted` of what this gives
        returns. `ttl`: how long it is tried; default: `durable_ttl`.

        Raises `EmitError` if it is refused, `NO_DURABLE_STORE` among the codes, or `ClosedError`.
        """
        try:
            return DurableMessage(self._client.emit_durable(_outgoing(namespace, event, args, ttl=ttl)), self.cancel)
        except FFI_ERRORS as error:
            raise translated(error) from None

    async def flush(self, timeout: Optional[float] = 30) -> None:
        """Waits until all that was emitted has been handed to the network. Durable messages are not waited for.

        Raises `WaitTimedOutError` or `ClosedError`.
        """
        try:
            await self._client.flush(wait("timeout", timeout))
        except FFI_ERRORS as error:
            raise translated(error) from None

    def queue(self) -> List[QueuedMessage]:
        """The messages in the offline queue, oldest first."""
        return [
            QueuedMessage(
                queued.message,
                queued.namespace,
                queued.event,
                decode(queued.payload),
                queued.bytes,
                queued.expires_in_ms / 1000,
                queued.awaits_ack,
            )
            for queued in self._client.queue()
        ]

    def cancel(self, message: int) -> bool:
        """Takes a message out of the offline queue, or ends the wait for its acknowledgement. A durable message is not
        sent any more, by later processes neither.

        `True`: the server will not see it; `False`: it had been sent. Raises `UnknownMessageError` if there is neither.
        """
        try:
            return self._client.cancel(message)
        except FFI_ERRORS as error:
            raise translated(error) from None


def _outgoing(
    namespace: str,
    event: str,
    args: Any,
    *,
    volatile: bool = False,
    ttl: Optional[float] = None,
    timeout: Optional[float] = None,
) -> ffi.Outgoing:
    try:
        payload = encode(args)
    except NotEncodable as error:
        raise EmitError("NOT_ENCODABLE", str(error)) from error
    return ffi.Outgoing(
        namespace=namespace,
        event=event,
        payload=payload,
        volatile=volatile,
        ttl_ms=milliseconds("ttl", ttl),
        ack_timeout_ms=milliseconds("timeout", timeout),
    )


async def _handle(stream: Stream[Event[Any]], handler: Callable[[Event[Any]], Any]) -> None:
    async with stream:
        async for event in stream:
            try:
                handled = handler(event)
                if inspect.isawaitable(handled):
                    await handled
            except Exception as error:
                context = {"message": f"the handler of {event.name} raised", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)


_open: "weakref.WeakSet[NexusClient]" = weakref.WeakSet()

#: The process that has the library's threads. One that was forked from it has not.
_process: Optional[int] = None


def _check_process() -> None:
    global _process
    if _process is None:
        _process = os.getpid()
    elif _process != os.getpid():
        raise ConfigError("NO_RUNTIME", "the process that this one was forked from has a client: spawn processes instead")


@atexit.register
def _end() -> None:
    """The library's threads must not call into an interpreter that is over: they would end the process with an abort."""
    if _process != os.getpid():
        return
    clients = [client._client for client in list(_open)]
    if clients:
        asyncio.run(_closed(clients))
    ffi.shut_down(5_000)


async def _closed(clients: List[ffi.Client]) -> None:
    await asyncio.gather(*(client.close(2_000) for client in clients), return_exceptions=True)
