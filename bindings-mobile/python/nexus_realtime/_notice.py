"""What befalls the connection beside its status and quality."""

from __future__ import annotations

import dataclasses
from typing import Any, List, Union

from ._durable import DeliveryStatus, delivery_status
from ._errors import JoinError
from ._ffi import nexus_mobile as ffi
from ._status import DisconnectReason, reason


@dataclasses.dataclass(frozen=True)
class Continuity:
    """What a joining says of the time since the namespace was joined before."""

    #: `first`: it had not been joined before for this user, or was left on purpose. `recovered`: nothing was missed.
    #: `gap`: events may have been missed.
    kind: str
    #: Of a gap: whether what is addressed to the user is complete all the same, from the inbox.
    inbox_complete: bool = False
    #: Of a gap: so many events were in the inbox, and are lost.
    lost: int = 0


@dataclasses.dataclass(frozen=True)
class Joined:
    """A namespace is joined, for the first time or again."""

    namespace: str
    #: The id of the session on the server.
    sid: str
    continuity: Continuity


@dataclasses.dataclass(frozen=True)
class JoinFailed:
    """A namespace could not be joined; never the primary one."""

    namespace: str
    error: JoinError


@dataclasses.dataclass(frozen=True)
class Left:
    """A joined namespace ended."""

    namespace: str
    #: `client_left`, `server_disconnect` or `connection_lost`.
    reason: str


@dataclasses.dataclass(frozen=True)
class RetryScheduled:
    """An attempt failed or a connection was lost, and the next attempt is after this delay."""

    #: How many attempts have failed in a row.
    failed_attempts: int
    #: From now until the next, in seconds.
    delay: float
    #: How the last ended.
    reason: DisconnectReason


@dataclasses.dataclass(frozen=True)
class MessageDropped:
    """A message left the offline queue without being sent."""

    message: int
    namespace: str
    event: str
    #: `expired`, `overflow`, `cancelled`, `ack_timed_out`, `too_large`, `namespace_left`, `user_changed` or `unknown` (it
    #: was sent, and the server may or may not have it).
    reason: str


@dataclasses.dataclass(frozen=True)
class Delivery:
    """A durable message is further, one that nobody follows too."""

    message: int
    status: DeliveryStatus


@dataclasses.dataclass(frozen=True)
class Restored:
    """Durable messages that a former process, or another client of this one, has left are this client's now."""

    #: Which, in the order in which they are sent.
    messages: List[int]
    #: Records that could not be read. Their files are set aside.
    unreadable: int


@dataclasses.dataclass(frozen=True)
class StoreFailed:
    """The store failed. What was not accepted because of it is told one by one."""

    code: str
    text: str


#: One of the classes of this module.
Notice = Union[Joined, JoinFailed, Left, RetryScheduled, MessageDropped, Delivery, Restored, StoreFailed]


def _continuity(given: ffi.Continuity) -> Continuity:
    if isinstance(given, ffi.Continuity.GAP):
        return Continuity("gap", given.inbox_complete, given.lost)
    return Continuity("recovered" if isinstance(given, ffi.Continuity.RECOVERED) else "first")


def notice(given: Any) -> Notice:
    kinds: Any = ffi.Notice
    if isinstance(given, kinds.JOINED):
        return Joined(given.namespace, given.sid, _continuity(given.continuity))
    if isinstance(given, kinds.JOIN_FAILED):
        return JoinFailed(given.namespace, JoinError(given.code, given.text, given.server))
    if isinstance(given, kinds.LEFT):
        return Left(given.namespace, given.reason.name.lower())
    if isinstance(given, kinds.RETRY_SCHEDULED):
        return RetryScheduled(given.failed_attempts, given.delay_ms / 1000, reason(given.reason))
    if isinstance(given, kinds.MESSAGE_DROPPED):
        return MessageDropped(given.message, given.namespace, given.event, given.reason.name.lower())
    if isinstance(given, kinds.DELIVERY):
        return Delivery(given.message, delivery_status(given.status))
    if isinstance(given, kinds.RESTORED):
        return Restored(given.messages, given.unreadable)
    return StoreFailed(given.code, given.text)
