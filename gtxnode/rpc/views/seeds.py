"""What proposers are drawn from, and who does their part in it."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.wire import Height, Hex


class PledgeView(msgspec.Struct, frozen=True, gc=False):
    """An authority's commitment to a value, made in an epoch and revealed two epochs later.

    `state`: committed, until the epoch of its reveal; owed, in the first half of that; then
    withheld, if it was not revealed. `value` is null until it is.
    """

    role: str
    epoch: int
    commitment: Hex
    state: Literal["committed", "owed", "revealed", "withheld"]
    value: Hex | None = None


class ProposerView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A validator of the next height, as a proposer.

    `missed_in_a_row`: turns. Who rests comes after all others until the height `rests_until`. The
    rest is there on the registry alone: turns made and missed since the epoch began, those of the
    missed whose block withheld its reveal, and the hash chain: none, waiting for its epoch, or in
    use.
    """

    public_key: Hex
    missed_in_a_row: int
    rests_until: Height | None = None
    made: int | None = None
    missed: int | None = None
    withheld: int | None = None
    chain: Literal["none", "waiting", "in_use"] | None = None


class SeedsView(msgspec.Struct, frozen=True, gc=False):
    """What the proposers of the next height are drawn from, and what later seeds are made of.

    `epoch` and its last height are null on a chain whose validators never change, the latter also
    on one that follows the registry. `next_seed`, on the registry, once it is fixed: in the second
    half of the epoch. No authorities but there.
    """

    shard: str
    height: Height
    epoch: int | None
    epoch_ends: Height | None
    seed: Hex
    next_seed: Hex | None
    authorities: tuple[PledgeView, ...]
    proposers: tuple[ProposerView, ...]
