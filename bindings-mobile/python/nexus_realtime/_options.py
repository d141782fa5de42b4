"""Options of a client."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Mapping, Optional

from ._errors import ConfigError
from ._ffi import nexus_mobile as ffi
from ._time import milliseconds


@dataclasses.dataclass(frozen=True)
class Reconnect:
    """When and how often a lost connection is sought again. The delay grows from attempt to attempt, by `factor`.

    `None` is the default.
    """

    #: Seconds, 0.01 to `max_delay`. Default: 1.
    initial_delay: Optional[float] = None
    #: Seconds, 0.01 to 3,600. Default: 30.
    max_delay: Optional[float] = None
    #: 1 to 10. Default: 2.
    factor: Optional[float] = None
    #: Random part of each delay, 0 to 1. Default: 0.5.
    jitter: Optional[float] = None
    #: Failed attempts in a row after which the client stops. Default: it never does.
    max_attempts: Optional[int] = None
    #: How often in a row fresh tokens may be refused. At least 1. Default: 3.
    max_auth_attempts: Optional[int] = None

    def _lowered(self) -> ffi.ReconnectOptions:
        return ffi.ReconnectOptions(
            initial_delay_ms=milliseconds("initial_delay", self.initial_delay),
            max_delay_ms=milliseconds("max_delay", self.max_delay),
            factor=self.factor,
            jitter=self.jitter,
            max_attempts=self.max_attempts,
            max_auth_attempts=self.max_auth_attempts,
        )


_OVERFLOW = {"reject-new": ffi.Overflow.REJECT_NEW, "drop-oldest": ffi.Overflow.DROP_OLDEST}

#: Options in seconds, which the library has in milliseconds.
_DURATIONS = (
    "open_timeout",
    "authentication_timeout",
    "token_timeout",
    "connect_timeout",
    "ack_timeout",
    "background_grace",
    "verify_timeout",
    "probe_interval",
    "queue_ttl",
    "durable_ttl",
    "listener_patience",
)


def lowered(url: str, options: Mapping[str, Any]) -> ffi.ClientOptions:
    """The options as the library takes them. Raises `ConfigError`."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in _DURATIONS:
        if name in given:
            given[f"{name}_ms"] = milliseconds(name, given.pop(name))
    if "auth" in given:
        given["auth"] = {name: _json(name, value) for name, value in given["auth"].items()}
    if "reconnect" in given:
        given["reconnect"] = given["reconnect"]._lowered()
    if "queue_overflow" in given:
        overflow = given["queue_overflow"]
        if overflow not in _OVERFLOW:
            raise ConfigError("INVALID_OPTION", f"queue_overflow is one of {', '.join(_OVERFLOW)}: {overflow!r}")
        given["queue_overflow"] = _OVERFLOW[overflow]
    if "store" in given:
        given["store_directory"] = str(given.pop("store"))
    try:
        made = ffi.ClientOptions(url=url, **given)
        converter: Any = ffi._UniffiFfiConverterTypeClientOptions
        converter.check_lower(made)
        return made
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError("INVALID_OPTION", f"an option is out of its bounds, or of the wrong type: {error}") from error


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError("INVALID_OPTION", f"the field {name} of auth has no form in JSON: {error}") from error
