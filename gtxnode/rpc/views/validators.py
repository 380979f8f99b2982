"""Validators, and the authorities beside them."""

from __future__ import annotations

from typing import Literal

import msgspec

from gtxnode.rpc.wire import Address, Amount, Height, Hex


class UnbondingView(msgspec.Struct, frozen=True, gc=False):
    """Stake on its way back, and the epoch in which it becomes cash."""

    amount_ugtx: Amount
    release_epoch: int


class PresenceView(msgspec.Struct, frozen=True, gc=False):
    """How often a validator was there on another chain that it serves, by its precommits.

    `heights` counts what was called, each call by how many heights the registry made meanwhile.
    """

    shard: str
    heights: int
    signed: int


class ConductView(msgspec.Struct, frozen=True, gc=False):
    """What final blocks have shown of a validator in this epoch so far.

    `heights` of the registry that are settled, those it `signed`; its turns to propose there. With
    what `elsewhere` counts they make its reputation where the epoch ends.
    """

    heights: int
    signed: int
    turns_made: int
    turns_missed: int
    withheld: int
    elsewhere: tuple[PresenceView, ...]


class ValidatorView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A validator. `power_ugtx` is what it votes with at the height asked for, 0 without a seat.

    The rest is of the head. `state`: active; waiting for a seat; jailed, from `jailed_until` on
    (an epoch) it may ask to return; leaving, with nothing staked. Reputation is in millionths.
    `shards`: the chains that it votes on, beside the registry, every one where none is named.
    What is missing where the chain holds no stakes: owner, stake, unbonding, commitment, shards,
    conduct.
    """

    public_key: Hex
    power_ugtx: Amount
    state: Literal["active", "waiting", "jailed", "leaving"]
    region: str
    reputation: int
    owner: Address | None = None
    stake_ugtx: Amount | None = None
    unbonding: tuple[UnbondingView, ...] = ()
    jailed_until: int | None = None
    seed_commitment: Hex | None = None
    shards: tuple[str, ...] = ()
    conduct: ConductView | None = None


class ValidatorsView(msgspec.Struct, frozen=True, gc=False):
    """Who votes at a height, most power first, and who else has a stake.

    `epoch` is the registry's; null where a network has none. Its last height is null on any chain
    but the registry: the others' epochs end where their headers come to the registry's.
    """

    shard: str
    height: Height
    epoch: int | None
    epoch_ends: Height | None
    total_power_ugtx: Amount
    validators: tuple[ValidatorView, ...]


class AuthoritySignatureView(msgspec.Struct, frozen=True, gc=False):
    """An authority's signature; `role` is the authority's name."""

    role: str
    public_key: Hex
    signature: Hex


class CheckpointView(msgspec.Struct, frozen=True, gc=False):
    """A final block that enough authorities signed. `state_root` is the root after it.

    The roots of validators and authorities are those of the next height and the next checkpoint.
    With `certificate`, which is canonical, and the authorities' keys a client checks it for itself.
    """

    shard: str
    chain_id: str
    height: Height
    epoch: int
    block_id: Hex
    state_root: Hex
    next_validators_root: Hex
    next_authorities_root: Hex
    signatures: tuple[AuthoritySignatureView, ...]
    certificate: Hex


class TrustView(msgspec.Struct, frozen=True, gc=False):
    """What a new node starts from: the newest checkpoint, and what leads to it from the genesis.

    `trust` is canonical; `gtxnode init --trust` checks it against a genesis.
    """

    shard: str
    chain_id: str
    height: Height
    block_id: Hex
    trust: Hex
