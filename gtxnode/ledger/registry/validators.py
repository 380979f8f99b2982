"""Validators as coins: who is registered, who votes in which epoch, and who has voted.

Only the registry has these coins. Invariant: the roster names exactly the validators that have a
coin; there is a committee for this epoch, the next, and every one that evidence can still be about.

An epoch is `epoch_blocks` heights, the first one begins at height 1. The committee of epoch e is
fixed by the state at the end of epoch e - 2 (docs/decisions/validators.md).
"""

from functools import lru_cache
from typing import Annotated

import msgspec

from consensus.encoding import Hash32, PublicKey
from consensus.hashing import ZERO_HASH, domain
from consensus.presence import OpenHeight
from consensus.reputation import Conduct, Millionths
from consensus.validators import MAX_STAKE, ValidatorSet
from consensus.validators import Validator as Member
from gtxnode.metering.meters import AddressBytes
from gtxnode.primitives.zones import REGISTRY, Shard, Zone

MAX_UNBONDING = 16
"""Amounts that one validator may have unbonding; those that are due together are one."""
MAX_SEATS = 256
"""Validators in a set: times the largest stake, still under the largest total."""
MAX_LATE_HEIGHTS = 16
MAX_REGISTERED = 1_024
MAX_EPOCH = 2**53 - 1
PPM = 1_000_000

ServedShards = Annotated[tuple[Shard, ...], msgspec.Meta(max_length=len(Shard))]
"""The chains that a validator votes on, sorted: all of them where none is named. It votes on the
registry in any case."""
Epoch = Annotated[int, msgspec.Meta(ge=0, le=MAX_EPOCH)]
Stake = Annotated[int, msgspec.Meta(ge=0, le=MAX_STAKE)]
StakedAmount = Annotated[int, msgspec.Meta(gt=0, le=MAX_STAKE)]


class Unbonding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Stake on its way back. It becomes cash where `release_epoch` begins."""

    amount_ugtx: StakedAmount
    release_epoch: Epoch


class Validator(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """A registered validator."""

    public_key: PublicKey
    """What it signs votes with."""
    owner: AddressBytes
    """Whose stake it is."""
    region: Zone
    stake_ugtx: Stake
    """What it votes with, two epochs on."""
    unbonding: Annotated[tuple[Unbonding, ...], msgspec.Meta(max_length=MAX_UNBONDING)]
    """By release epoch, each epoch once."""
    jailed_until: Epoch
    """The first epoch in which it may ask to return; 0 where it is not jailed."""
    reputation: Millionths
    seed_commitment: Hash32
    """The end of the hash chain that it committed to last, from which its reveals to the seed
    lead; zeros for none."""
    shards: ServedShards = ()

    @property
    def eligible(self) -> bool:
        """Whether it may sit in a committee that is fixed now."""
        return self.stake_ugtx > 0 and not self.jailed_until

    @property
    def locked_ugtx(self) -> int:
        """All money inside."""
        return self.stake_ugtx + sum(each.amount_ugtx for each in self.unbonding)


class Roster(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    """The keys of all registered validators, sorted."""

    keys: Annotated[tuple[PublicKey, ...], msgspec.Meta(max_length=MAX_REGISTERED)]


class Serving(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A member that does not vote on every chain."""

    public_key: PublicKey
    shards: Annotated[tuple[Shard, ...], msgspec.Meta(min_length=1, max_length=len(Shard))]


class Committee(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    """Who votes in an epoch, by key; and who of them was punished for what it signed in it."""

    epoch: Epoch
    members: Annotated[tuple[Member, ...], msgspec.Meta(min_length=1, max_length=MAX_SEATS)]
    punished: Annotated[tuple[PublicKey, ...], msgspec.Meta(max_length=MAX_SEATS)] = ()
    serving: Annotated[tuple[Serving, ...], msgspec.Meta(max_length=MAX_SEATS)] = ()
    """Members that vote on some chains only, by key."""
    seed: Hash32 = ZERO_HASH
    """What the epoch's proposers are drawn from, on every chain; zeros until the epoch before has
    ended."""

    def validator_set(self, shard: Shard = REGISTRY) -> ValidatorSet:
        """Who votes on a chain, as consensus takes it: all members where nobody serves it, so that
        nobody ever votes without a stake behind it.
        """
        return ValidatorSet(self.serving_on(shard) or self.members)

    def serving_on(self, shard: Shard) -> tuple[Member, ...]:
        """The members that serve a chain: all of them on the registry; maybe nobody."""
        if shard is REGISTRY:
            return self.members
        away = {each.public_key for each in self.serving if shard not in each.shards}
        return tuple(each for each in self.members if each.public_key not in away)


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the epoch's blocks have shown of a validator so far."""

    public_key: PublicKey
    conduct: Conduct


class Presence(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    """Whose precommits blocks have carried: the heights that may still be signed, and the
    records since the epoch began, by key. A height counts where it is settled.
    """

    window: Annotated[tuple[OpenHeight, ...], msgspec.Meta(max_length=MAX_LATE_HEIGHTS)] = ()
    records: Annotated[tuple[Record, ...], msgspec.Meta(max_length=2 * MAX_SEATS)] = ()


def epoch_of(height: int, epoch_blocks: int) -> int:
    """The epoch of a height; genesis, height 0, counts to the first."""
    return max(0, height - 1) // epoch_blocks


def last_height_of(epoch: int, epoch_blocks: int) -> int:
    """The last height of an epoch."""
    return (epoch + 1) * epoch_blocks


def validator_coin_id(chain_id: str, public_key: bytes) -> bytes:
    """The coin of a validator."""
    return domain("coin/validator", chain_id).hash(public_key) + b"\x00\x00"


@lru_cache(maxsize=64)
def roster_coin_id(chain_id: str) -> bytes:
    """The coin with the keys of all validators."""
    return domain("coin/roster", chain_id).hash() + b"\x00\x00"


def committee_coin_id(chain_id: str, epoch: int) -> bytes:
    """The coin with an epoch's validator set."""
    return domain("coin/committee", chain_id).hash(epoch.to_bytes(8, "big")) + b"\x00\x00"


@lru_cache(maxsize=64)
def presence_coin_id(chain_id: str) -> bytes:
    """The coin that counts whose precommits blocks have carried."""
    return domain("coin/presence", chain_id).hash() + b"\x00\x00"


def release_id(chain_id: str, public_key: bytes, epoch: int) -> bytes:
    """Stands for a transaction's id in the id of the cash that has unbonded."""
    return domain("release", chain_id).hash(public_key, epoch.to_bytes(8, "big"))


def possession_digest(chain_id: str, public_key: bytes, owner: bytes) -> bytes:
    """What a consensus key signs to show that it belongs to an owner, 32 bytes."""
    return domain("validator/possession", chain_id).hash(public_key, owner)
