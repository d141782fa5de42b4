"""A realtime client for Socket.IO servers, on asyncio: see `NexusClient`."""

from ._client import Emitted, NexusClient, QueuedMessage, Subscription
from ._durable import DeliveryStatus, DurableMessage
from ._errors import (
    AckError,
    ClosedError,
    ConfigError,
    ConnectError,
    DecodeError,
    EmitError,
    JoinError,
    PanickedError,
    RealtimeError,
    ReplyError,
    SignedOut,
    TokenUnavailable,
    UnknownMessageError,
    WaitTimedOutError,
)
from ._event import Event
from ._log import set_log
from ._notice import (
    Continuity,
    Delivery,
    Joined,
    JoinFailed,
    Left,
    MessageDropped,
    Notice,
    Restored,
    RetryScheduled,
    StoreFailed,
)
from ._options import Reconnect
from ._status import ConnectionStatus, DisconnectReason, Quality, Stats, StatusChange
from ._stream import Stream
from ._token import TokenProvider, TokenReason

__all__ = [
    "AckError",
    "ClosedError",
    "ConfigError",
    "ConnectError",
    "ConnectionStatus",
    "Continuity",
    "DecodeError",
    "Delivery",
    "DeliveryStatus",
    "DisconnectReason",
    "DurableMessage",
    "EmitError",
    "Emitted",
    "Event",
    "JoinError",
    "JoinFailed",
    "Joined",
    "Left",
    "MessageDropped",
    "NexusClient",
    "Notice",
    "PanickedError",
    "Quality",
    "QueuedMessage",
    "RealtimeError",
    "Reconnect",
    "ReplyError",
    "Restored",
    "RetryScheduled",
    "SignedOut",
    "Stats",
    "StatusChange",
    "StoreFailed",
    "Stream",
    "Subscription",
    "TokenProvider",
    "TokenReason",
    "TokenUnavailable",
    "UnknownMessageError",
    "WaitTimedOutError",
    "set_log",
]
