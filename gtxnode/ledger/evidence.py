"""Evidence: what two signed messages cost the validator or authority who signed them.

The proof is checked against the committee of the messages' height. A committee seat is lost once:
a second pair of the same epoch, whatever it proves, is refused. An authority has no stake to lose:
the keys that signed two checkpoints no longer count (ledger/authorities.py).
"""

from msgspec.structs import replace

from consensus.checkpoints import InvalidCheckpoint, check_contradiction
from consensus.evidence import InvalidEvidence, check_evidence, signer_of
from consensus.validators import ValidatorSet
from gtxnode.ledger.authorities import BarredKey, BarredKeys, all_authorities, barred_coin_id
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import CheckpointPair, Evidence, ProposalPair, VotePair
from gtxnode.ledger.staking import epoch_at, find, keep, require_registry
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.validators import (
    PPM,
    Committee,
    Unbonding,
    Validator,
    committee_coin_id,
    epoch_of,
)
from gtxnode.primitives.errors import Reason, Refused


def evidence(state: BlockState, transaction: CheckedTransaction) -> None:
    """Hold two messages that contradict against whoever signed them."""
    body = transaction.body
    assert isinstance(body, Evidence)
    if isinstance(body.proof, CheckpointPair):
        _against_authority(state, body.proof)
    else:
        _against_validator(state, body.proof)


def _against_authority(state: BlockState, pair: CheckpointPair) -> None:
    """Bar the keys that signed: on the very chain that the checkpoints are of."""
    context = state.context
    authorities = all_authorities(context.parameters)
    if authorities is None:
        raise Refused(Reason.INVALID_EVIDENCE, "this chain has no authorities")
    coin_id = barred_coin_id(context.chain_id)
    coin = state.coins.get(coin_id)
    barred = {each.public_key: each for each in coin.keys} if isinstance(coin, BarredKeys) else {}
    signers = {pair.first.public_key, pair.second.public_key}
    if signers <= barred.keys():
        raise Refused(Reason.ALREADY_PUNISHED, ", ".join(sorted(key.hex() for key in signers)))
    try:
        check_contradiction(context.chain_id, authorities, pair.first, pair.second)
    except (InvalidEvidence, InvalidCheckpoint) as error:
        raise Refused(Reason.INVALID_EVIDENCE, str(error)) from error
    fresh = {key: BarredKey(key, context.height) for key in signers}
    keys = sorted((fresh | barred).values(), key=lambda each: each.public_key)
    state.coins.make(coin_id, BarredKeys(tuple(keys)))


def _against_validator(state: BlockState, pair: VotePair | ProposalPair) -> None:
    """Slash, jail and disgrace a validator."""
    require_registry(state)
    first, second = pair.first, pair.second
    committee = _committee_of(state, first.height)
    offender = signer_of(first)
    if offender in committee.punished:
        raise Refused(Reason.ALREADY_PUNISHED, f"{offender.hex()} in epoch {committee.epoch}")
    # Signatures are checked last, and a stranger's not at all: evidence pays no fee.
    seat = [each for each in committee.members if each.public_key == offender]
    if not seat:
        raise Refused(
            Reason.INVALID_EVIDENCE, f"{offender.hex()} had no vote in epoch {committee.epoch}"
        )
    try:
        check_evidence(state.context.chain_id, ValidatorSet(seat), first, second)
    except InvalidEvidence as error:
        raise Refused(Reason.INVALID_EVIDENCE, str(error)) from error
    validator = find(state, offender)
    if validator is None:
        # All it had is gone already: it left the roster with nothing inside.
        raise Refused(Reason.UNKNOWN_VALIDATOR, offender.hex())
    punished = tuple(sorted((*committee.punished, offender)))
    coin_id = committee_coin_id(state.context.chain_id, committee.epoch)
    state.coins.make(coin_id, replace(committee, punished=punished))
    _slash(state, validator)


def _committee_of(state: BlockState, height: int) -> Committee:
    """Who voted at a height that evidence may still be about."""
    context, rules = state.context, state.context.parameters.staking
    epoch, now = epoch_of(height, rules.epoch_blocks), epoch_at(state)
    if not 1 <= height <= context.height or epoch + rules.evidence_epochs < now:
        raise Refused(
            Reason.EVIDENCE_OUT_OF_WINDOW,
            f"height {height} is of epoch {epoch}, and this is epoch {now}",
        )
    coin = state.coins.get(committee_coin_id(context.chain_id, epoch))
    assert isinstance(coin, Committee), "committees stay as long as evidence is taken"
    return coin


def _slash(state: BlockState, validator: Validator) -> None:
    rules = state.context.parameters.staking
    stake_ugtx = _left(validator.stake_ugtx, rules.slash_ppm)
    unbonding = tuple(
        Unbonding(left_ugtx, each.release_epoch)
        for each in validator.unbonding
        if (left_ugtx := _left(each.amount_ugtx, rules.slash_ppm))
    )
    slashed = replace(
        validator,
        stake_ugtx=stake_ugtx,
        unbonding=unbonding,
        jailed_until=max(validator.jailed_until, epoch_at(state) + rules.jail_epochs),
        reputation=rules.reputation.floor,
    )
    state.burned_ugtx += validator.locked_ugtx - slashed.locked_ugtx
    keep(state, slashed)


def _left(amount_ugtx: int, rate_ppm: int) -> int:
    """What a slash leaves. What it takes is rounded up, so that splitting saves nothing."""
    return amount_ugtx * (PPM - rate_ppm) // PPM
