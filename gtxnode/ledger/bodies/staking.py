"""Stake behind a validator: locked, taken back, and let vote again."""

import msgspec

from consensus.encoding import Hash32, PublicKey, Signature
from consensus.hashing import ZERO_HASH
from gtxnode.ledger.bodies.fields import Change, Inputs
from gtxnode.ledger.registry.validators import ServedShards, StakedAmount
from gtxnode.metering.meters import AddressBytes
from gtxnode.primitives.zones import Zone


class Registration(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a validator is registered as."""

    owner: AddressBytes
    region: Zone
    possession: Signature
    """The validator's own, over `possession_digest`."""
    seed_commitment: Hash32 = ZERO_HASH
    shards: ServedShards = ()


class Stake(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    """Lock GTX behind a validator: a new one with `registration`, else one that is there."""

    validator: PublicKey
    inputs: Inputs
    amount_ugtx: StakedAmount
    outputs: Change = ()
    """With the stake and the fee, what the inputs come to."""
    registration: Registration | None = None


class Unstake(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    """Take stake back. It unbonds, and is then paid out by itself."""

    validator: PublicKey
    inputs: Inputs
    """For the fee."""
    amount_ugtx: StakedAmount
    outputs: Change = ()


class Unjail(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    """Let a validator return whose jail term is over."""

    validator: PublicKey
    inputs: Inputs
    """For the fee."""
    outputs: Change = ()


class Serve(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=58):
    """Say anew on which chains a validator votes, from the next set that is fixed."""

    validator: PublicKey
    shards: ServedShards
    inputs: Inputs
    """For the fee."""
    outputs: Change = ()
