"""The library's log."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Callable, Optional

from ._ffi import callback_loop
from ._ffi import nexus_mobile as ffi

#: Takes a level of `logging`, the part of the library that speaks, and the line.
LogSink = Callable[[int, str, str], None]

#: Lines that may wait for the sink. Those beyond are dropped, and counted.
MAX_WAITING = 10_000

_logger = logging.getLogger("nexus_realtime")

#: The library's trace has no level in `logging`.
TRACE = 5

_LEVELS = {
    ffi.LogLevel.ERROR: logging.ERROR,
    ffi.LogLevel.WARN: logging.WARNING,
    ffi.LogLevel.INFO: logging.INFO,
    ffi.LogLevel.DEBUG: logging.DEBUG,
    ffi.LogLevel.TRACE: TRACE,
}


def to_logger(level: int, target: str, message: str) -> None:
    _logger.log(level, "%s: %s", target, message)


class _Sink(ffi.LogSink):
    """Hands lines to a thread of their own: the library may be in the middle of something when it logs."""

    def __init__(self, sink: LogSink, loop: asyncio.AbstractEventLoop) -> None:
        self._sink = sink
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting = 0
        self._dropped = 0

    def log(self, level: ffi.LogLevel, target: str, message: str) -> None:
        with self._lock:
            if self._waiting >= MAX_WAITING:
                self._dropped += 1
                return
            self._waiting += 1
        self._loop.call_soon_threadsafe(self._deliver, _LEVELS.get(level, logging.DEBUG), target, message)

    def _deliver(self, level: int, target: str, message: str) -> None:
        with self._lock:
            self._waiting -= 1
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._sink(logging.WARNING, "nexus_realtime", f"{dropped} lines of the log were dropped")
        self._sink(level, target, message)


def set_log(level: Optional[int], sink: Optional[LogSink] = None) -> None:
    """Sends the log of all clients of this process, from a level of `logging` on (`5` for all), to `sink`, on a thread
    of its own. `level` `None`: nothing is logged, which is how it begins.

    Default for `sink`: the logger `nexus_realtime`. Lines name events, sizes and ids, never tokens or payloads.
    """
    if level is None:
        wanted = ffi.LogLevel.OFF
    else:
        wanted = next((ours for ours, theirs in reversed(_LEVELS.items()) if theirs >= level), ffi.LogLevel.ERROR)
    ffi.set_log_sink(wanted, _Sink(sink or to_logger, callback_loop()))
