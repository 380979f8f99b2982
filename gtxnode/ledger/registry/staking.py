"""Stakes on the registry: locked behind a validator, taken back, and brought back from jail.

Stake that is taken back goes on voting for the epochs whose committees are fixed already, and
can be slashed until it is paid out (`StakingRules`).
"""

from collections.abc import Iterator
from itertools import pairwise

from msgspec.structs import replace

from consensus import signing
from consensus.hashing import ZERO_HASH
from consensus.validators import MAX_STAKE
from gtxnode.ledger.block_state import Bench, BlockState
from gtxnode.ledger.bodies import Registration, Serve, Stake, Unjail, Unstake
from gtxnode.ledger.registry import seeds
from gtxnode.ledger.registry.validators import (
    MAX_REGISTERED,
    MAX_UNBONDING,
    Roster,
    Unbonding,
    Validator,
    epoch_of,
    possession_digest,
    roster_coin_id,
    validator_coin_id,
)
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.transfers import balance, move
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard


def stake(state: BlockState, transaction: CheckedTransaction) -> None:
    """Lock GTX behind a validator; with a registration, make it known first."""
    body = transaction.body
    assert isinstance(body, Stake)
    require_registry(state)
    if body.registration is None:
        validator = _owned(state, transaction, body.validator)
    else:
        validator = _new(state, body.validator, body.registration)
    staked_ugtx = validator.stake_ugtx + body.amount_ugtx
    if staked_ugtx > MAX_STAKE:
        raise Refused(Reason.STAKE_TOO_LARGE, f"{staked_ugtx} µGTX, at most {MAX_STAKE}")
    _check_least(state, staked_ugtx)
    left = balance(state, transaction, body.inputs, body.outputs, body.amount_ugtx, validator.owner)
    move(state, transaction, body.inputs, body.outputs, left)
    if body.registration is not None:
        _enrol(state, body.validator)
        if body.registration.seed_commitment != ZERO_HASH:
            epoch = epoch_at(state)
            seeds.commit(state, body.validator, epoch, body.registration.seed_commitment)
    keep(state, replace(validator, stake_ugtx=staked_ugtx))


def unstake(state: BlockState, transaction: CheckedTransaction) -> None:
    """Begin to give stake back. What stays is nothing, or enough to vote with."""
    body = transaction.body
    assert isinstance(body, Unstake)
    require_registry(state)
    validator = _owned(state, transaction, body.validator)
    left_ugtx = validator.stake_ugtx - body.amount_ugtx
    if left_ugtx < 0:
        raise Refused(Reason.NOT_STAKED, f"{body.amount_ugtx} µGTX of {validator.stake_ugtx}")
    if left_ugtx:
        _check_least(state, left_ugtx)
    elif validator.eligible and sum(each.eligible for each in registered(state)) == 1:
        raise Refused(Reason.LAST_VALIDATOR, f"nobody else could vote than {_name(validator)}")
    release = epoch_at(state) + state.context.parameters.staking.unbonding_epochs
    unbonding = _unbonding(validator.unbonding, body.amount_ugtx, release)
    left = balance(state, transaction, body.inputs, body.outputs)
    move(state, transaction, body.inputs, body.outputs, left)
    keep(state, replace(validator, stake_ugtx=left_ugtx, unbonding=unbonding))


def unjail(state: BlockState, transaction: CheckedTransaction) -> None:
    """Let a validator sit in committees again whose jail term is over."""
    body = transaction.body
    assert isinstance(body, Unjail)
    require_registry(state)
    validator = _owned(state, transaction, body.validator)
    if not validator.jailed_until:
        raise Refused(Reason.NOT_JAILED, f"validator {_name(validator)} is free to vote")
    epoch = epoch_at(state)
    if epoch < validator.jailed_until:
        raise Refused(
            Reason.STILL_JAILED, f"until epoch {validator.jailed_until}, and this is {epoch}"
        )
    _check_least(state, validator.stake_ugtx)
    left = balance(state, transaction, body.inputs, body.outputs)
    move(state, transaction, body.inputs, body.outputs, left)
    keep(state, replace(validator, jailed_until=0))


def serve(state: BlockState, transaction: CheckedTransaction) -> None:
    """Change the chains that a validator votes on."""
    body = transaction.body
    assert isinstance(body, Serve)
    require_registry(state)
    validator = _owned(state, transaction, body.validator)
    _check_shards(body.shards)
    left = balance(state, transaction, body.inputs, body.outputs)
    move(state, transaction, body.inputs, body.outputs, left)
    keep(state, replace(validator, shards=body.shards))


def require_registry(state: Bench) -> None:
    """Refuse what only the registry takes."""
    if not state.context.parameters.registry:
        raise Refused(Reason.NOT_REGISTRY, f"{state.context.chain_id} is not it")


def epoch_at(state: Bench) -> int:
    """The block's epoch."""
    context = state.context
    return epoch_of(context.height, context.parameters.staking.epoch_blocks)


def find(state: Bench, public_key: bytes) -> Validator | None:
    """The registered validator of that key."""
    coin = state.coins.get(validator_coin_id(state.context.chain_id, public_key))
    assert coin is None or isinstance(coin, Validator), "validators' ids are their own domain"
    return coin


def keep(state: BlockState, validator: Validator) -> None:
    """Put a validator's successor in the place of what `find` found."""
    state.coins.make(validator_coin_id(state.context.chain_id, validator.public_key), validator)


def roster(state: BlockState) -> Roster:
    """The keys of all that are registered."""
    coin = state.coins.get(roster_coin_id(state.context.chain_id))
    assert isinstance(coin, Roster), "the registry's genesis makes the roster"
    return coin


def registered(state: BlockState) -> Iterator[Validator]:
    """All that are registered, by key."""
    for public_key in roster(state).keys:
        validator = find(state, public_key)
        assert validator is not None, "who is on the roster has a coin"
        yield validator


def _owned(state: BlockState, transaction: CheckedTransaction, public_key: bytes) -> Validator:
    """A validator whose owner signed."""
    validator = find(state, public_key)
    if validator is None:
        raise Refused(Reason.UNKNOWN_VALIDATOR, f"validator {public_key.hex()}")
    check_spend(validator, transaction)
    return validator


def _new(state: BlockState, public_key: bytes, registration: Registration) -> Validator:
    """The validator that a registration makes, before it has any stake."""
    if find(state, public_key) is not None:
        raise Refused(Reason.VALIDATOR_EXISTS, f"validator {public_key.hex()}")
    if len(roster(state).keys) >= MAX_REGISTERED:
        raise Refused(Reason.TOO_MANY_VALIDATORS, f"at most {MAX_REGISTERED} are registered")
    _check_shards(registration.shards)
    digest = possession_digest(state.context.chain_id, public_key, registration.owner)
    if not signing.verify(public_key, digest, registration.possession):
        raise Refused(Reason.BAD_POSSESSION_PROOF, f"validator {public_key.hex()}")
    return Validator(
        public_key,
        registration.owner,
        registration.region,
        0,
        (),
        0,
        state.context.parameters.staking.reputation.start,
        registration.seed_commitment,
        registration.shards,
    )


def _enrol(state: BlockState, public_key: bytes) -> None:
    keys = tuple(sorted((*roster(state).keys, public_key)))
    state.coins.make(roster_coin_id(state.context.chain_id), Roster(keys))


def _check_shards(shards: tuple[Shard, ...]) -> None:
    if any(first >= second for first, second in pairwise(shards)):
        raise Refused(Reason.SHARDS_UNSORTED, ", ".join(shards))


def _check_least(state: BlockState, staked_ugtx: int) -> None:
    least_ugtx = state.context.parameters.staking.min_stake_ugtx
    if staked_ugtx < least_ugtx:
        raise Refused(Reason.STAKE_TOO_SMALL, f"{staked_ugtx} µGTX, at least {least_ugtx}")


def _unbonding(
    before: tuple[Unbonding, ...], amount_ugtx: int, release_epoch: int
) -> tuple[Unbonding, ...]:
    """With another amount, which is due no earlier than the others."""
    if before and before[-1].release_epoch == release_epoch:
        joined = Unbonding(before[-1].amount_ugtx + amount_ugtx, release_epoch)
        return (*before[:-1], joined)
    if len(before) >= MAX_UNBONDING:
        raise Refused(
            Reason.TOO_MANY_UNBONDINGS, f"at most {MAX_UNBONDING} amounts unbond at a time"
        )
    return (*before, Unbonding(amount_ugtx, release_epoch))


def _name(validator: Validator) -> str:
    return validator.public_key.hex()
