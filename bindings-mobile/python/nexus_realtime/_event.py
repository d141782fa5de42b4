"""Events from the server."""

from __future__ import annotations

from typing import Any, Generic, List, Optional, TypeVar

from ._errors import FFI_ERRORS, ReplyError, translated
from ._ffi import nexus_mobile as ffi
from ._payload import Into, NotEncodable, decode, encode, first, typed

T = TypeVar("T")

_UNSET: Any = object()


class Event(Generic[T]):
    """An event from the server. Its arguments are decoded when they are asked for."""

    __slots__ = ("_args", "_data", "_event", "_into")

    def __init__(self, event: ffi.Event, into: Optional[Into[T]]) -> None:
        self._event = event
        self._into = into
        self._args: Optional[List[Any]] = None
        self._data: Any = _UNSET

    @property
    def namespace(self) -> str:
        """Where it came, without slash."""
        return self._event.namespace

    @property
    def name(self) -> str:
        """Its name."""
        return self._event.name

    @property
    def args(self) -> List[Any]:
        """All of its arguments."""
        if self._args is None:
            self._args = decode(self._event.payload)
        return self._args

    @property
    def data(self) -> T:
        """The first argument, as what the stream was told to make of it; `None` if there is none.

        Raises `DecodeError` if it is not that. The stream goes on.
        """
        if self._data is _UNSET:
            value = first(self.args)
            self._data = value if self._into is None else typed(value, self._into, self.name)
        data: T = self._data
        return data

    @property
    def json(self) -> str:
        """The text of the array of arguments, as it came. Bytes are `{"_placeholder":true,"num":0}` in it."""
        return self._event.payload.json

    @property
    def attachments(self) -> List[bytes]:
        """The bytes that came with it, in the order of their numbers."""
        return self._event.payload.attachments

    @property
    def missed(self) -> int:
        """How many events the stream was too slow for, just before this one."""
        return self._event.missed

    @property
    def wants_reply(self) -> bool:
        """Whether the server asked for an acknowledgement."""
        return self._event.reply is not None

    def reply(self, *args: Any) -> None:
        """Acknowledges with these arguments. Of several who do, the first counts.

        Raises `ReplyError`: `NOT_ASKED`, `GONE` (acknowledged already, or on another connection), `NOT_ENCODABLE`,
        `TOO_LARGE`, `TOO_MANY_ATTACHMENTS`.
        """
        if self._event.reply is None:
            raise ReplyError("NOT_ASKED", "the server did not ask for an acknowledgement")
        try:
            self._event.reply.send(encode(args))
        except NotEncodable as error:
            raise ReplyError("NOT_ENCODABLE", str(error)) from error
        except FFI_ERRORS as error:
            raise translated(error) from None

    def __repr__(self) -> str:
        return f"Event({self.namespace!r}, {self.name!r}, {self.json})"
