"""What comes from the library, pulled in batches while somebody asks for it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, AsyncIterator, Callable, Deque, Generic, Optional, TypeVar

from ._errors import FFI_ERRORS, WaitTimedOutError, translated
from ._time import LONGEST_MS

T = TypeVar("T")

#: Items that cross the boundary at once. They then wait here, beside those that wait in the library.
BATCH = 64


class Stream(Generic[T], AsyncIterator[T]):
    """An asynchronous iterator over what comes from the moment it was made.

    It belongs to one event loop: the one that first waits for it. It ends with `close`, when it is let go (leaving
    `async for` does, unless it has a name), and with its client. Cancelling a wait loses nothing.
    """

    def __init__(self, source: Any, convert: Callable[[Any], T]) -> None:
        self._source = source
        self._convert = convert
        self._ready: Deque[Any] = deque()
        self._pulling: Optional["asyncio.Task[Any]"] = None
        self._ended = False

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            await self._pull()
        return self._convert(self._ready.popleft())

    async def next(self, timeout: Optional[float] = None) -> T:
        """The next item. `timeout` is in seconds; default: however long it takes.

        Raises `WaitTimedOutError`, and `StopAsyncIteration` if the stream has ended.
        """
        if timeout is None or self._ready:
            return await self.__anext__()
        try:
            return await asyncio.wait_for(self.__anext__(), timeout)
        except asyncio.TimeoutError:
            raise WaitTimedOutError("WAIT_TIMED_OUT", "not in time") from None

    async def _pull(self) -> None:
        # A task of its own: one that is cancelled here would take what it has already got with it.
        pulling = self._pulling
        if pulling is None:
            pulling = self._pulling = asyncio.ensure_future(self._source.next(BATCH, LONGEST_MS))
        try:
            batch = await asyncio.shield(pulling)
        except FFI_ERRORS as error:
            self._ended = True
            raise translated(error) from None
        # Of several that wait for the same batch the first takes it.
        if self._pulling is pulling:
            self._pulling = None
            if batch is None:
                self._ended = True
            else:
                self._ready.extend(batch)

    def close(self) -> None:
        """Ends the stream, and the waits for it. What was not asked for yet is dropped."""
        self._ended = True
        self._ready.clear()
        self._source.close()

    async def aclose(self) -> None:
        """As `close`, for `contextlib.aclosing`."""
        self.close()

    async def __aenter__(self) -> "Stream[T]":
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Letting go of the source ends it, unless a wait for it holds it. Where a cycle is collected it may be gone already.
        if getattr(self, "_pulling", None) is not None and hasattr(self._source, "_handle"):
            self._source.close()
