"""Durations: seconds here, milliseconds in the library."""

from __future__ import annotations

import math
from typing import Optional

from ._errors import ConfigError

#: The longest that the library waits.
LONGEST_MS = 30 * 24 * 3600 * 1000


def milliseconds(name: str, seconds: Optional[float]) -> Optional[int]:
    """Whole milliseconds, rounded up, so that a short wait does not become none. Raises `ConfigError`."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or math.isnan(seconds) or seconds < 0:
        raise ConfigError("INVALID_OPTION", f"{name} is no duration in seconds: {seconds!r}")
    return LONGEST_MS if seconds * 1000 >= LONGEST_MS else math.ceil(seconds * 1000)


def wait(name: str, seconds: Optional[float]) -> int:
    """As `milliseconds`; `None` is the longest wait there is."""
    given = milliseconds(name, seconds)
    return LONGEST_MS if given is None else given
