"""Tokens, from who has them."""

from __future__ import annotations

import asyncio
import enum
import inspect
from typing import Any, Awaitable, Callable, Union

from ._errors import SignedOut
from ._ffi import nexus_mobile as ffi

#: Its kinds are made at run time.
_TokenError: Any = ffi.TokenError


class TokenReason(str, enum.Enum):
    """Why a token is needed."""

    #: A connection is being made. A token that is still good will do.
    CONNECTING = "connecting"
    #: The server refused the last one.
    REJECTED = "rejected"


#: Gives a token. Called on the event loop that `connect` was called on; may be `async`. Raises `SignedOut` if asking
#: again is pointless; whatever else it raises has it asked again with the next attempt.
TokenProvider = Callable[[TokenReason], Union[str, Awaitable[str]]]


class Provider(ffi.TokenProvider):
    """Asks on the application's loop. Its own method runs on that of the callbacks."""

    def __init__(self, provide: TokenProvider, loop: asyncio.AbstractEventLoop) -> None:
        self._provide = provide
        self._loop = loop

    async def token(self, reason: ffi.TokenReason) -> str:
        asking = self._ask(TokenReason[reason.name])
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, self._loop))
        except ffi.TokenError:
            raise
        # Cancelled with the loop, or the loop is closed: the library has to hear of it all the same.
        except (Exception, asyncio.CancelledError) as error:
            asking.close()
            raise _TokenError.Unavailable(f"the event loop of the provider is over: {error!r}") from error

    async def _ask(self, reason: TokenReason) -> str:
        try:
            token = self._provide(reason)
            if inspect.isawaitable(token):
                token = await token
        except SignedOut as error:
            raise _TokenError.SignedOut(_text(error)) from error
        except Exception as error:
            raise _TokenError.Unavailable(_text(error)) from error
        if not isinstance(token, str):
            raise _TokenError.SignedOut(f"the provider gave {type(token).__name__} instead of a text")
        return token


def _text(error: Exception) -> str:
    # Broken surrogates have no form in UTF-8, and an error text is no reason to fail.
    return (str(error) or type(error).__name__).encode(errors="replace").decode()
