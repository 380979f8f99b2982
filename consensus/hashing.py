"""Tagged SHA-256: a hash made for one purpose on one chain never equals another's.

Source: the tagged hashes of BIP-340, with the chain id added.
`sha256(sha256(tag) || sha256(tag) || sha256(chain_id) || parts...)`.
"""

from functools import lru_cache
from hashlib import sha256

ZERO_HASH = bytes(32)


class Domain:
    """One tag on one chain. The prefix is hashed once and its state copied per hash."""

    __slots__ = ("_prefix",)

    def __init__(self, tag: str, chain_id: str = "") -> None:
        tag_hash = sha256(tag.encode()).digest()
        self._prefix = sha256(tag_hash + tag_hash + sha256(chain_id.encode()).digest())

    def hash(self, *parts: bytes) -> bytes:
        """32 bytes over the parts joined.

        The joint is not hashed: pass parts of fixed length, or one canonical encoding.
        """
        state = self._prefix.copy()
        for part in parts:
            state.update(part)
        return state.digest()


@lru_cache(maxsize=1_024)
def domain(tag: str, chain_id: str) -> Domain:
    """A domain that is kept, for tags and chains that are few and hashed with often."""
    return Domain(tag, chain_id)
