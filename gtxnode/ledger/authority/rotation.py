"""Rotation of the authorities' keys, on the registry, by the authorities themselves.

As many roles sign as a checkpoint takes, whichever: so one whose keys are lost or stolen is helped
by the others, and a thief of one authority's keys changes nothing. Every new key signs too, as
nobody speaks for a key that he does not have. Keys that were barred neither sign nor come back.

It holds from the registry's next epoch on, and on every other chain from the block on whose anchor
comes to it (docs/decisions/checkpoints.md).
"""

from itertools import pairwise

from msgspec.structs import replace

from gtxnode.ledger.authority.authorities import BarredKeys, barred_coin_id, threshold_of
from gtxnode.ledger.authority.authority_keys import (
    MAX_ROTATIONS,
    AuthorityKeys,
    Rotation,
    authority_keys_coin_id,
    founded_by,
)
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import RotateKeys
from gtxnode.ledger.registry.staking import epoch_at, require_registry
from gtxnode.ledger.registry.validators import last_height_of
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused


def rotate_keys(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take an authority's new keys, from the next epoch on."""
    body = transaction.body
    assert isinstance(body, RotateKeys)
    require_registry(state)
    keys, epoch = _keys(state), epoch_at(state) + 1
    _check_new_keys(state, keys, body, transaction)
    if body.number != keys.number_of(body.role) + 1:
        latest = keys.number_of(body.role)
        raise Refused(Reason.STALE_ACT, f"rotation {body.number} of {body.role.name}, had {latest}")
    if any(each.role is body.role and each.epoch == epoch for each in keys.rotations):
        raise Refused(Reason.ROTATION_PENDING, f"{body.role.name} has new keys in epoch {epoch}")
    if len(keys.rotations) >= MAX_ROTATIONS:
        raise Refused(Reason.TOO_MANY_ROTATIONS, f"at most {MAX_ROTATIONS} are kept")
    _check_quorum(state, transaction)
    height = last_height_of(epoch - 1, state.context.parameters.staking.epoch_blocks)
    rotation = Rotation(body.role, body.number, body.public_keys, epoch, height)
    _keep(state, keys.joined_by([rotation]))


def end(state: BlockState) -> None:
    """Let rotations hold whose epoch begins with the next block; after governance's changes."""
    context = state.context
    if not context.parameters.registry:
        return
    if context.height != last_height_of(epoch_at(state), context.parameters.staking.epoch_blocks):
        return
    keys = state.coins.get(authority_keys_coin_id(context.chain_id))
    if isinstance(keys, AuthorityKeys) and keys.rotations[-1].height == context.height:
        _put_in_force(state, keys)


def follow(state: BlockState) -> None:
    """Take over what holds on the registry at the block that the header names."""
    decreed = state.context.decreed
    if decreed is None or not decreed.rotations:
        return
    keys = _keys(state)
    news = [each for each in decreed.rotations if each.number > keys.number_of(each.role)]
    if news:
        height = state.context.height
        keys = keys.joined_by(replace(each, height=height) for each in news)
        _keep(state, keys)
        _put_in_force(state, keys)


def _check_new_keys(
    state: BlockState, keys: AuthorityKeys, body: RotateKeys, transaction: CheckedTransaction
) -> None:
    """New keys are sorted, nobody else's, not barred, and have signed."""
    new = body.public_keys
    if any(first >= second for first, second in pairwise(new)):
        raise Refused(Reason.KEYS_UNSORTED, f"{len(new)} keys")
    now = state.context.parameters.authorities
    if body.role not in {each.role for each in now}:
        raise Refused(Reason.UNKNOWN_AUTHORITY, body.role.name)
    # What is in force, and what will be.
    latest = keys.after(last_height_of(epoch_at(state), _epoch_blocks(state)))
    others = {each.public_key for each in (*now, *latest) if each.role is not body.role}
    for key in new:
        if key in others or key in _barred(state):
            raise Refused(Reason.KEY_NOT_FREE, key.hex())
        if key not in transaction.signers:
            raise Refused(Reason.BAD_POSSESSION_PROOF, f"key {key.hex()} has not signed")


def _check_quorum(state: BlockState, transaction: CheckedTransaction) -> None:
    parameters = state.context.parameters
    signers = set(transaction.signers) - _barred(state)
    roles = {each.role for each in parameters.authorities if each.public_key in signers}
    threshold = threshold_of(parameters)
    if len(roles) < threshold:
        raise Refused(
            Reason.NOT_ENOUGH_AUTHORITIES, f"{len(roles)} have signed, at least {threshold}"
        )


def _barred(state: BlockState) -> set[bytes]:
    barred = state.coins.get(barred_coin_id(state.context.chain_id))
    return {each.public_key for each in barred.keys} if isinstance(barred, BarredKeys) else set()


def _keys(state: BlockState) -> AuthorityKeys:
    coin = state.coins.get(authority_keys_coin_id(state.context.chain_id))
    if isinstance(coin, AuthorityKeys):
        return coin
    return founded_by(state.context.parameters.authorities)


def _keep(state: BlockState, keys: AuthorityKeys) -> None:
    state.coins.make(authority_keys_coin_id(state.context.chain_id), keys)


def _put_in_force(state: BlockState, keys: AuthorityKeys) -> None:
    before = state.parameters or state.context.parameters
    state.parameters = replace(before, authorities=keys.after(state.context.height))


def _epoch_blocks(state: BlockState) -> int:
    return state.context.parameters.staking.epoch_blocks
