"""The target of a proof of work.

A digest read as a big-endian integer must be below the target. A target travels as 32 bytes, big
endian, so the two compare as bytes; a lower one asks for more work, and `2**256 - 1` for next to
none.
"""

TARGET_BYTES = 32
MAX_TARGET = 2**256 - 1


def encode_target(target: int) -> bytes:
    """A target as 32 bytes. `ValueError` outside 1 to `MAX_TARGET`."""
    if not 1 <= target <= MAX_TARGET:
        raise ValueError(f"target {target} is not within 1 to 2**256 - 1")
    return target.to_bytes(TARGET_BYTES, "big")


def decode_target(data: bytes) -> int:
    """A target from its 32 bytes. `ValueError` for any other length, or zero."""
    target = int.from_bytes(data, "big")
    if len(data) != TARGET_BYTES or target == 0:
        raise ValueError("a target is 32 bytes and not zero")
    return target
