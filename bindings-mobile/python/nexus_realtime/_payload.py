"""Arguments to and from the text that crosses the boundary: the JSON of an array, and bytes beside it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Callable, List, Sequence, Type, TypeVar, Union

from ._errors import DecodeError
from ._ffi import nexus_mobile as ffi

T = TypeVar("T")

#: What makes of a value what the application wants: a dataclass, or any function of one argument.
Into = Union[Type[T], Callable[[Any], T]]

_PLACEHOLDER = "_placeholder"


class NotEncodable(Exception):
    """The arguments can't be sent. The text says why."""


def encode(args: Sequence[Any]) -> ffi.Payload:
    """JSON values, and at any depth bytes and instances of dataclasses, which become objects."""
    attachments: List[bytes] = []

    def other(value: Any) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            attachments.append(bytes(value))
            return {_PLACEHOLDER: True, "num": len(attachments) - 1}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        raise TypeError(f"{type(value).__name__} has no form in JSON")

    try:
        text = json.dumps(args, default=other, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # Half of a surrogate pair has no form in UTF-8.
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotEncodable(str(error)) from error
    # A quote within a text is escaped, so this counts keys.
    if attachments and text.count(f'"{_PLACEHOLDER}":') != len(attachments):
        raise NotEncodable(f"an object with the key {_PLACEHOLDER} beside bytes would be taken for bytes")
    return ffi.Payload(json=text, attachments=attachments)


def decode(payload: ffi.Payload) -> List[Any]:
    """The arguments, with bytes where they belong."""
    args: List[Any] = json.loads(payload.json)
    return [_with_bytes(arg, payload.attachments) for arg in args] if payload.attachments else args


def _with_bytes(value: Any, attachments: Sequence[bytes]) -> Any:
    if isinstance(value, list):
        return [_with_bytes(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    number = value.get("num")
    if value.get(_PLACEHOLDER) is True and isinstance(number, int) and 0 <= number < len(attachments):
        return attachments[number]
    return {key: _with_bytes(item, attachments) for key, item in value.items()}


def first(args: Sequence[Any]) -> Any:
    """The first argument, `None` if there is none."""
    return args[0] if args else None


def typed(value: Any, into: Into[T], event: str) -> T:
    """`value` as what `into` makes of it. A dataclass takes the fields it knows from an object.

    Raises `DecodeError` for whatever `into` raises.
    """
    expected = getattr(into, "__name__", repr(into))
    try:
        if isinstance(into, type) and dataclasses.is_dataclass(into):
            instance: T = _instance(into, value)
            return instance
        make: Any = into
        made: T = make(value)
        return made
    except Exception as error:
        text = f"event {event}: expected {expected}, and got {type(value).__name__}: {error}"
        raise DecodeError(text, event, expected) from error


def _instance(into: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    names = [field.name for field in dataclasses.fields(into) if field.init]
    return into(**{name: value[name] for name in names if name in value})
