"""The state of the connection, and figures."""

from __future__ import annotations

import dataclasses
import enum
from typing import Dict, Optional

from ._ffi import nexus_mobile as ffi


class ConnectionStatus(str, enum.Enum):
    """What an application shows of the connection."""

    #: No connection, and none being sought, unless `RECONNECTING` follows at once.
    DISCONNECTED = "disconnected"
    #: The first connection since `connect` is being sought.
    CONNECTING = "connecting"
    #: The primary namespace is joined.
    CONNECTED = "connected"
    #: A connection that was lost is being sought again.
    RECONNECTING = "reconnecting"


class Quality(str, enum.Enum):
    """How well the connection does, from its round trip times and lost probes."""

    #: Not connected.
    OFFLINE = "offline"
    #: Slow or lossy enough that people notice.
    POOR = "poor"
    #: Usable.
    FAIR = "fair"
    #: Normal for a distant server.
    GOOD = "good"
    #: Normal for a near server.
    EXCELLENT = "excellent"


@dataclasses.dataclass(frozen=True)
class DisconnectReason:
    """Why a connection, or an attempt to get one, ended."""

    #: Stable name, the same on every platform: `io client disconnect`, `ping timeout`, …
    code: str
    #: For people.
    text: str


@dataclasses.dataclass(frozen=True)
class StatusChange:
    """A new status."""

    #: The status from now on.
    status: ConnectionStatus
    #: Present if it is `DISCONNECTED`, and that is a change.
    reason: Optional[DisconnectReason]


@dataclasses.dataclass(frozen=True)
class Stats:
    """Figures of a client: levels as of now, and counts since it was made. Latencies are in seconds."""

    status: ConnectionStatus
    quality: Quality
    #: Smoothed round trip time, if there was a sample.
    smoothed_latency: Optional[float]
    #: Mean over the window of samples.
    average_latency: Optional[float]
    #: 95th percentile over the window of samples.
    p95_latency: Optional[float]
    #: Messages in the offline queue, and their size in bytes.
    queued_messages: int
    queued_bytes: int
    #: Buffered messages that were sent, and are kept until the server has them.
    kept_messages: int
    kept_bytes: int
    #: Durable messages that have not ended.
    durable_messages: int
    durable_bytes: int
    #: Acknowledgements that are awaited.
    pending_acks: int
    #: Received events that may still be acknowledged.
    pending_replies: int
    #: Identities of received events that are remembered to tell repeats.
    remembered_events: int
    #: Namespaces that are wanted, the primary one included.
    namespaces: int
    #: Namespaces that are joined now.
    joined_namespaces: int
    #: Failed attempts in a row.
    failed_attempts: int
    #: Streams that are open.
    listeners: int
    #: Items that wait for them in the library.
    waiting_items: int
    #: Items that they were too slow for.
    missed_items: int
    #: Counts by name: `connects`, `events_in`, `bytes_out`, …
    counters: Dict[str, int]


def status(given: ffi.ConnectionStatus) -> ConnectionStatus:
    return ConnectionStatus[given.name]


def quality(given: ffi.Quality) -> Quality:
    return Quality[given.name]


def reason(given: ffi.DisconnectReason) -> DisconnectReason:
    return DisconnectReason(given.code, given.text)


def status_change(given: ffi.StatusChange) -> StatusChange:
    return StatusChange(status(given.status), None if given.reason is None else reason(given.reason))


def seconds(milliseconds: Optional[float]) -> Optional[float]:
    return None if milliseconds is None else milliseconds / 1000


def stats(given: ffi.Stats) -> Stats:
    same = {field.name for field in dataclasses.fields(Stats)} & set(vars(given))
    figures = {name: getattr(given, name) for name in same}
    figures.update(
        status=status(given.status),
        quality=quality(given.quality),
        smoothed_latency=seconds(given.smoothed_latency_ms),
        average_latency=seconds(given.average_latency_ms),
        p95_latency=seconds(given.p95_latency_ms),
    )
    return Stats(**figures)
