"""Values of the scenarios, and what the client takes and gives for them."""

from __future__ import annotations

from typing import Any, List


def pattern(length: int) -> bytes:
    return bytes((31 * i + 7) % 256 for i in range(length))


def given(value: Any) -> Any:
    """As it is sent."""
    if isinstance(value, list):
        return [given(item) for item in value]
    if isinstance(value, dict):
        if "$bytes" in value:
            return pattern(value["$bytes"])
        return {key: given(item) for key, item in value.items()}
    return value


def told(value: Any) -> Any:
    """What came, in the words of the file. Bytes that are not as they should be are equal to nothing there."""
    if isinstance(value, bytes):
        return {"$bytes": len(value)} if value == pattern(len(value)) else {"other bytes": len(value)}
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, dict):
        return {key: told(item) for key, item in value.items()}
    return value


def same(one: Any, other: Any) -> bool:
    """As JSON values are: 1 is 1.0, and `true` is no number."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(item, other[key]) for key, item in one.items())
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def compare(what: str, found: List[Any], expected: List[Any]) -> None:
    if same(found, expected):
        return
    at = next((at for at, (one, other) in enumerate(zip(found, expected)) if not same(one, other)), 0)
    raise AssertionError(
        f"{what}: {len(found)} instead of {len(expected)}; from {at} on {found[at:at + 5]}, not {expected[at:at + 5]}"
    )


def expected(step: Any) -> List[Any]:
    if "range" in step:
        return [[number] for number in range(*step["range"])]
    wanted: List[Any] = step["expect"]
    return wanted
