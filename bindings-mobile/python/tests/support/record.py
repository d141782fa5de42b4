"""What came, for those who wait for it."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List


class Record:
    """Of one event loop."""

    def __init__(self) -> None:
        self._items: List[Any] = []
        self._changed = asyncio.Event()

    def push(self, item: Any) -> None:
        self._items.append(item)
        self._changed.set()

    def take(self) -> List[Any]:
        items, self._items = self._items, []
        return items

    async def wait(self, is_enough: Callable[[List[Any]], bool], timeout: float) -> None:
        """Returns when it is enough or the time is over: who asks looks at what came then."""

        async def enough() -> None:
            while not is_enough(self._items):
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(enough(), timeout)
        except asyncio.TimeoutError:
            pass
