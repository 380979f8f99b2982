"""The end of an epoch on the registry: what is due is paid out, and a committee is fixed.

All of it happens in the epoch's last block, after its transactions. The committee of two epochs on
is drawn from the state then; the cost is one pass over the registered validators.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from consensus.validators import Validator as Member
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Cash, output_id
from gtxnode.ledger.parameters import SETS_AHEAD
from gtxnode.ledger.staking import epoch_at, keep, registered
from gtxnode.ledger.validators import (
    Attendance,
    Committee,
    Roster,
    Validator,
    attendance_coin_id,
    committee_coin_id,
    last_height_of,
    release_id,
    roster_coin_id,
    validator_coin_id,
)


def begin(state: BlockState) -> None:
    """Count whose precommits the block carries.

    The commit of an epoch's last height stands in the next epoch's first block, and is not counted.
    """
    if not state.context.parameters.registry:
        return
    epoch = epoch_at(state)
    coin_id = attendance_coin_id(state.context.chain_id)
    before = state.coins.get(coin_id)
    assert before is None or isinstance(before, Attendance), "the id is its own domain"
    members = _committee(state, epoch).members
    if before is None or before.epoch != epoch:
        state.coins.make(coin_id, Attendance(epoch, 0, (0,) * len(members)))
        return
    present = frozenset(state.context.signers)
    signed = tuple(
        [
            count + (member.public_key in present)
            for count, member in zip(before.signed, members, strict=True)
        ]
    )
    state.coins.make(coin_id, Attendance(epoch, before.commits + 1, signed))


def end(state: BlockState) -> None:
    """Close the epoch, if this is its last block."""
    context = state.context
    rules = context.parameters.staking
    if not context.parameters.registry:
        return
    epoch = epoch_at(state)
    if context.height != last_height_of(epoch, rules.epoch_blocks):
        return
    for validator in list(registered(state)):
        _pay_out(state, validator, epoch + 1)
    _strike_off(state, epoch + 1)
    _fix_committee(state, epoch)
    outdated = epoch - rules.evidence_epochs
    if outdated >= 0:
        coin_id = committee_coin_id(context.chain_id, outdated)
        assert state.coins.get(coin_id) is not None, "every epoch had its committee"
        state.coins.spend(coin_id)


def choose(candidates: Sequence[Validator], seats: int) -> tuple[Member, ...]:
    """The largest stakes that may vote, the lower key first among equal ones; sorted by key."""
    eligible = [each for each in candidates if each.eligible]
    eligible.sort(key=lambda each: (-each.stake_ugtx, each.public_key))
    members = [
        Member(each.public_key, each.stake_ugtx, each.reputation, each.region)
        for each in eligible[:seats]
    ]
    return tuple(sorted(members, key=lambda each: each.public_key))


def _pay_out(state: BlockState, validator: Validator, epoch: int) -> None:
    """Turn into cash what is due where `epoch` begins."""
    due_ugtx = sum(each.amount_ugtx for each in validator.unbonding if each.release_epoch <= epoch)
    if not due_ugtx:
        return
    identity = release_id(state.context.chain_id, validator.public_key, epoch)
    state.coins.make(output_id(identity, 0), Cash(validator.owner, due_ugtx))
    left = tuple(each for each in validator.unbonding if each.release_epoch > epoch)
    keep(state, replace(validator, unbonding=left))


def _strike_off(state: BlockState, epoch: int) -> None:
    """Forget who has nothing left inside, once no jail term runs."""
    staying = []
    for validator in list(registered(state)):
        if validator.locked_ugtx or validator.jailed_until > epoch:
            staying.append(validator.public_key)
        else:
            state.coins.spend(validator_coin_id(state.context.chain_id, validator.public_key))
    roster = Roster(tuple(staying))
    coin_id = roster_coin_id(state.context.chain_id)
    if state.coins.get(coin_id) != roster:
        state.coins.make(coin_id, roster)


def _fix_committee(state: BlockState, epoch: int) -> None:
    """Draw the committee that is fixed by the end of `epoch`. It is never empty: where nobody
    is eligible, the next epoch's goes on.
    """
    seats = state.context.parameters.staking.max_validators
    members = choose(list(registered(state)), seats) or _committee(state, epoch + 1).members
    fixed = epoch + SETS_AHEAD
    coin_id = committee_coin_id(state.context.chain_id, fixed)
    state.coins.make(coin_id, Committee(fixed, members))


def _committee(state: BlockState, epoch: int) -> Committee:
    coin = state.coins.get(committee_coin_id(state.context.chain_id, epoch))
    assert isinstance(coin, Committee), "committees are fixed ahead, and stay for the evidence"
    return coin
