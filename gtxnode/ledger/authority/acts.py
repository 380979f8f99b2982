"""When authorities last spoke: what keeps an act of theirs from being sent a second time.

An act spends no coin, so nothing else would stop whoever has seen one from sending it again once a
later one has replaced it. Invariant: an entry's time only ever rises.
"""

from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec

from consensus.hashing import Domain
from gtxnode.primitives.zones import Role

MAX_ENTRIES = 1_024
MAX_TIME_MS = 2**53 - 1

IssuedMs: TypeAlias = Annotated[int, msgspec.Meta(gt=0, le=MAX_TIME_MS)]
"""When an authority signed an act, in ms since 1970 (UTC): later than its last of the kind."""


class LastAct(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest act of one kind by one authority."""

    role: Role
    kind: Annotated[int, msgspec.Meta(ge=0, le=MAX_ENTRIES)]
    """The tag of the transaction's body."""
    issued_ms: IssuedMs


class Acts(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=45):
    """The latest acts, by role and kind. There is none before the first."""

    latest: Annotated[tuple[LastAct, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()

    def issued_ms(self, role: Role, kind: int) -> int:
        """When that authority's latest act of that kind was signed; 0 where there is none."""
        for each in self.latest:
            if (each.role, each.kind) == (role, kind):
                return each.issued_ms
        return 0

    def with_act(self, act: LastAct) -> "Acts":
        """With one act that is later than those of its role and kind."""
        others = [each for each in self.latest if (each.role, each.kind) != (act.role, act.kind)]
        return Acts(tuple(sorted((*others, act), key=lambda each: (each.role, each.kind))))


@lru_cache(maxsize=64)
def acts_coin_id(chain_id: str) -> bytes:
    """The coin with the latest acts."""
    return Domain("coin/acts", chain_id).hash() + b"\x00\x00"
