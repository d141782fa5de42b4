"""Messages that outlive the process."""

from __future__ import annotations

import dataclasses
from typing import Any, AsyncIterator, Callable, List, Optional

from ._errors import FFI_ERRORS, WaitTimedOutError, translated
from ._ffi import nexus_mobile as ffi
from ._payload import decode, first
from ._time import LONGEST_MS, wait


@dataclasses.dataclass(frozen=True)
class DeliveryStatus:
    """How far a durable message is.

    | `status` | |
    |---|---|
    | `queued` | it waits for the store |
    | `persisted` | it is accepted: it survives the process from now on |
    | `sent` | it was handed to a transport, for the first time or again |
    | `acked` | the server has it, for good |
    | `rejected` | it was refused for good, by the server, or by the store before it was accepted |
    | `expired` | its time to live passed |
    | `cancelled` | it was cancelled |
    | `unknown` | the server may or may not have it, and nobody can tell |

    The last five end it: exactly one of them comes.
    """

    status: str
    #: `acked`: the arguments of the acknowledgement. `rejected`: what the server said besides its code.
    args: List[Any] = dataclasses.field(default_factory=list)
    #: `rejected`: the server's code, or the store's.
    code: Optional[str] = None
    #: `expired` and `cancelled`: whether it had been sent, so that the server may have it.
    is_sent: bool = False

    @property
    def value(self) -> Any:
        """The first of `args`, `None` if there is none."""
        return first(self.args)

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return self.status not in ("queued", "persisted", "sent")


def delivery_status(given: ffi.DeliveryStatus) -> DeliveryStatus:
    name = type(given).__name__.rsplit(".", 1)[-1].lower()
    payload = getattr(given, "payload", None)
    return DeliveryStatus(
        name,
        args=[] if payload is None else decode(payload),
        code=getattr(given, "code", None),
        is_sent=getattr(given, "sent", False),
    )


class DurableMessage:
    """A durable message, to follow. Letting go of it cancels nothing."""

    def __init__(self, message: ffi.DurableMessage, cancel: Callable[[int], bool]) -> None:
        self._message = message
        self._cancel = cancel
        #: Names the message in its client.
        self.id: int = message.id()

    @property
    def status(self) -> DeliveryStatus:
        """How far it is now."""
        return delivery_status(self._message.status())

    async def accepted(self, timeout: Optional[float] = 30) -> None:
        """Waits until it is accepted: from then on it survives the process and a power cut. Seconds.

        Raises `EmitError` if it is not accepted, `WaitTimedOutError` or `ClosedError`.
        """
        try:
            await self._message.accepted(wait("timeout", timeout))
        except FFI_ERRORS as error:
            raise translated(error) from None

    async def outcome(self, timeout: Optional[float] = None) -> DeliveryStatus:
        """Waits until it has ended. Seconds; default: however long it takes.

        Raises `WaitTimedOutError`, or `ClosedError`: an accepted message stays in the store then.
        """
        try:
            return delivery_status(await self._message.outcome(wait("timeout", timeout)))
        except FFI_ERRORS as error:
            raise translated(error) from None

    async def statuses(self) -> AsyncIterator[DeliveryStatus]:
        """What it was from the start, in order, repeats left out, and what it becomes until it has ended, or the
        client is closed."""
        seen = 0
        while True:
            try:
                following = await self._message.statuses(seen, LONGEST_MS)
            except FFI_ERRORS as error:
                translation = translated(error)
                if isinstance(translation, WaitTimedOutError):
                    continue
                raise translation from None
            if not following:
                return
            seen += len(following)
            for status in following:
                yield delivery_status(status)

    def cancel(self) -> bool:
        """Has it not sent any more, by later processes neither.

        `True`: the server will not see it; `False`: it had been sent. Raises `UnknownMessageError` if it has ended.
        """
        return self._cancel(self.id)

    def __repr__(self) -> str:
        return f"DurableMessage({self.id}, {self.status.status})"
