"""What goes wrong, by kind. `code` is the same on every platform."""

from __future__ import annotations

import json
from typing import Any, Optional

from ._ffi import nexus_mobile as ffi


class RealtimeError(Exception):
    """What all errors of this package are.

    `code` is a stable name, the same on every platform; the text is for people.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.code})"


class _ServerSaid(RealtimeError):
    def __init__(self, code: str, text: str, server: Optional[ffi.ServerSaid] = None) -> None:
        super().__init__(code, text)
        #: The server's message, if it said something. Show it as text.
        self.server_message: Optional[str] = server.text if server else None
        #: What the server said besides.
        self.data: Any = json.loads(server.data) if server and server.data is not None else None
        #: How long the server wishes to be left alone, in seconds.
        self.retry_after: Optional[float] = None
        if server and server.retry_after_ms is not None:
            self.retry_after = server.retry_after_ms / 1000


class ConfigError(RealtimeError, ValueError):
    """An option can't be used."""


class ConnectError(_ServerSaid):
    """A call of `connect` was rejected."""

    def __init__(
        self,
        code: str,
        text: str,
        is_final: bool,
        requires_sign_in: bool,
        server: Optional[ffi.ServerSaid] = None,
    ) -> None:
        super().__init__(code, text, server)
        #: Whether the client has stopped trying, so that nothing happens before the next `connect`.
        self.is_final = is_final
        #: Whether the user has to sign in again.
        self.requires_sign_in = requires_sign_in


class EmitError(RealtimeError):
    """An emit was refused, or a durable one not accepted: nothing is sent."""

    def __init__(self, code: str, text: str, is_retryable: bool = False) -> None:
        super().__init__(code, text)
        #: Whether the same emit may be accepted later.
        self.is_retryable = is_retryable


class AckError(RealtimeError):
    """An awaited acknowledgement did not come."""

    def __init__(self, code: str, text: str, is_unsent: bool) -> None:
        super().__init__(code, text)
        #: Whether the event was certainly never sent, so that sending it again can't repeat its effect.
        self.is_unsent = is_unsent


class JoinError(_ServerSaid):
    """A namespace could not be joined, listened to or left."""


class ReplyError(RealtimeError):
    """An event could not be acknowledged."""


class UnknownMessageError(RealtimeError, LookupError):
    """A message could not be cancelled: it is neither queued nor awaiting an acknowledgement."""


class WaitTimedOutError(RealtimeError, TimeoutError):
    """What was waited for did not happen within the wait's own timeout. It may still happen."""


class ClosedError(RealtimeError):
    """The client is closed."""


class PanickedError(RealtimeError):
    """A fault in the native library. It ended this call; nothing else is known."""


class DecodeError(RealtimeError, ValueError):
    """What came is not what was expected. The code is `NOT_DECODABLE`."""

    def __init__(self, text: str, event: str, expected: str) -> None:
        super().__init__("NOT_DECODABLE", text)
        #: The name of the event, or that of the event that was acknowledged.
        self.event = event
        #: What was expected.
        self.expected = expected


class TokenUnavailable(Exception):
    """For token providers: there is no token now. It is asked for again with the next attempt.

    Whatever else a provider raises counts as this.
    """


class SignedOut(Exception):
    """For token providers: asking again is pointless. The client stops, and `connect` raises `TOKEN_UNAVAILABLE`."""


#: What the generated interface raises: to be translated.
FFI_ERRORS = (ffi.RealtimeError, ffi.InternalError)


def translated(error: Any) -> RealtimeError:
    """The error of this package for one of the generated interface."""
    kinds: Any = ffi.RealtimeError
    if isinstance(error, kinds.Connect):
        return ConnectError(error.code, error.text, error.is_final, error.requires_sign_in, error.server)
    if isinstance(error, kinds.Emit):
        return EmitError(error.code, error.text, error.is_retryable)
    if isinstance(error, kinds.Ack):
        return AckError(error.code, error.text, error.is_unsent)
    if isinstance(error, kinds.Join):
        return JoinError(error.code, error.text, error.server)
    if isinstance(error, kinds.Reply):
        return ReplyError(error.code, error.text)
    if isinstance(error, kinds.Config):
        return ConfigError(error.code, error.text)
    if isinstance(error, kinds.UnknownMessage):
        return UnknownMessageError("UNKNOWN_MESSAGE", "neither queued nor awaiting an acknowledgement")
    if isinstance(error, kinds.WaitTimedOut):
        return WaitTimedOutError("WAIT_TIMED_OUT", "not in time")
    if isinstance(error, kinds.Closed):
        return ClosedError("CLOSED", "the client is closed")
    return PanickedError("PANICKED", str(error))
