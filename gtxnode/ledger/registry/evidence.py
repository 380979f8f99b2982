"""Evidence: what two signed messages cost the validator or authority who signed them.

The proof is checked against the committee of the messages' height. A committee seat is lost once:
a second pair of the same epoch, whatever it proves and on whichever chain, is refused. What was
signed on another chain comes with a final block of that chain, which names the registry's block
that its next height goes by, and so the epoch. An authority has no stake to lose: the keys that
signed two checkpoints no longer count (ledger/authority/authorities.py), and one that was rotated
out before never comes back.
"""

from msgspec.structs import replace

from consensus.authorities import Authority, AuthoritySet
from consensus.checkpoints import InvalidCheckpoint, check_contradiction
from consensus.errors import InvalidCommit
from consensus.evidence import InvalidEvidence, check_evidence, signer_of
from consensus.light import check_commit_shape
from consensus.types import block_id
from consensus.validators import ValidatorSet
from gtxnode.ledger.accounts import Why
from gtxnode.ledger.authority.authorities import (
    BarredKey,
    BarredKeys,
    all_authorities,
    barred_coin_id,
)
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, authority_keys_coin_id
from gtxnode.ledger.block_state import Bench, BlockState
from gtxnode.ledger.bodies import CheckpointPair, Elsewhere, Evidence, ProposalPair, VotePair
from gtxnode.ledger.registry.exhibits import shard_of
from gtxnode.ledger.registry.staking import epoch_at, find, keep, require_registry
from gtxnode.ledger.registry.validators import (
    PPM,
    Committee,
    Unbonding,
    Validator,
    committee_coin_id,
    epoch_of,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import REGISTRY, Shard


def evidence(state: BlockState, transaction: CheckedTransaction) -> None:
    """Hold two messages that contradict against whoever signed them."""
    body = transaction.body
    assert isinstance(body, Evidence)
    if isinstance(body.proof, CheckpointPair):
        _bar(state, _guilty_keys(state, body.proof))
    else:
        committee, validator = _guilty_validator(state, body.proof, body.place)
        punished = tuple(sorted((*committee.punished, validator.public_key)))
        coin_id = committee_coin_id(state.context.chain_id, committee.epoch)
        state.coins.make(coin_id, replace(committee, punished=punished))
        _slash(state, validator)


def check_guilt(bench: Bench, body: Evidence) -> None:
    """Refuse what `evidence` would, by what is final. Raises `Refused`."""
    if isinstance(body.proof, CheckpointPair):
        _guilty_keys(bench, body.proof)
    else:
        _guilty_validator(bench, body.proof, body.place)


def _guilty_keys(bench: Bench, pair: CheckpointPair) -> set[bytes]:
    """The keys that signed: judged on the very chain that the checkpoints are of."""
    context = bench.context
    signers = {pair.first.public_key, pair.second.public_key}
    authorities = _answerable(bench, signers)
    if authorities is None:
        raise Refused(Reason.INVALID_EVIDENCE, "this chain has no authorities")
    if signers <= {each.public_key for each in _barred(bench)}:
        raise Refused(Reason.ALREADY_PUNISHED, ", ".join(sorted(key.hex() for key in signers)))
    try:
        check_contradiction(context.chain_id, authorities, pair.first, pair.second)
    except (InvalidEvidence, InvalidCheckpoint) as error:
        raise Refused(Reason.INVALID_EVIDENCE, str(error)) from error
    return signers


def _answerable(bench: Bench, signers: set[bytes]) -> AuthoritySet | None:
    """Those in force; or a key alone that was once, which answers for nobody but itself: who holds
    it now may not be who speaks for the role."""
    context = bench.context
    keys = bench.coins.get(authority_keys_coin_id(context.chain_id))
    if len(signers) == 1 and isinstance(keys, AuthorityKeys):
        (key,) = signers
        role = keys.role_once(key, context.height)
        if role is not None:
            return AuthoritySet([Authority(role, (key,))], 1)
    return all_authorities(context.parameters)


def _barred(bench: Bench) -> tuple[BarredKey, ...]:
    coin = bench.coins.get(barred_coin_id(bench.context.chain_id))
    return coin.keys if isinstance(coin, BarredKeys) else ()


def _bar(state: BlockState, signers: set[bytes]) -> None:
    barred = {each.public_key: each for each in _barred(state)}
    fresh = {key: BarredKey(key, state.context.height) for key in signers}
    keys = sorted((fresh | barred).values(), key=lambda each: each.public_key)
    state.coins.make(barred_coin_id(state.context.chain_id), BarredKeys(tuple(keys)))


def _guilty_validator(
    bench: Bench, pair: VotePair | ProposalPair, place: Elsewhere | None
) -> tuple[Committee, Validator]:
    """Whom two votes or proposals convict, and the committee whose seat is lost."""
    require_registry(bench)
    first, second = pair.first, pair.second
    signed_on = bench.context.chain_id if place is None else place.chain_id
    committee = _committee_of(bench, first.height, place)
    offender = signer_of(first)
    if offender in committee.punished:
        raise Refused(Reason.ALREADY_PUNISHED, f"{offender.hex()} in epoch {committee.epoch}")
    # Signatures are checked last, and a stranger's not at all: evidence pays no fee.
    seat = committee.validator_set(_shard(signed_on)).get(offender)
    if seat is None:
        raise Refused(
            Reason.INVALID_EVIDENCE, f"{offender.hex()} had no vote in epoch {committee.epoch}"
        )
    try:
        check_evidence(signed_on, ValidatorSet([seat]), first, second)
    except InvalidEvidence as error:
        raise Refused(Reason.INVALID_EVIDENCE, str(error)) from error
    validator = find(bench, offender)
    if validator is None:
        # All it had is gone already: it left the roster with nothing inside.
        raise Refused(Reason.UNKNOWN_VALIDATOR, offender.hex())
    return committee, validator


def _committee_of(state: Bench, height: int, place: Elsewhere | None) -> Committee:
    """Who voted at a height that evidence may still be about."""
    if place is not None:
        return _committee_elsewhere(state, place)
    if not 1 <= height <= state.context.height:
        raise Refused(Reason.EVIDENCE_OUT_OF_WINDOW, f"height {height} has not come yet")
    return _committee(state, _epoch_of(state, height))


def _committee_elsewhere(state: Bench, place: Elsewhere) -> Committee:
    """Who voted after the block that the evidence shows to be final on its chain."""
    parent, commit = place.parent, place.commit
    if parent is None or commit is None:
        return _committee(state, 0)
    by = _committee(state, place.epoch).validator_set(_shard(place.chain_id))
    if by.root != parent.validators_root:
        raise Refused(Reason.INVALID_EVIDENCE, f"its block is not of epoch {place.epoch}")
    try:
        # Its signatures were checked with the witnesses'.
        check_commit_shape(by, block_id(parent), parent.height, commit)
    except InvalidCommit as error:
        raise Refused(Reason.INVALID_EVIDENCE, str(error)) from error
    return _committee(state, _epoch_of(state, parent.anchor.height + 1))


def _committee(state: Bench, epoch: int) -> Committee:
    rules, now = state.context.parameters.staking, epoch_at(state)
    if not now - rules.evidence_epochs <= epoch <= now:
        raise Refused(
            Reason.EVIDENCE_OUT_OF_WINDOW,
            f"it is of epoch {epoch}, between {now - rules.evidence_epochs} and {now}",
        )
    coin = state.coins.get(committee_coin_id(state.context.chain_id, epoch))
    assert isinstance(coin, Committee), "committees stay as long as evidence is taken"
    return coin


def _epoch_of(state: Bench, height: int) -> int:
    return epoch_of(height, state.context.parameters.staking.epoch_blocks)


def _shard(chain_id: str) -> Shard:
    return shard_of(chain_id) or REGISTRY


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
    lost_ugtx = validator.locked_ugtx - slashed.locked_ugtx
    state.burned_ugtx += lost_ugtx
    state.accounts.post(validator.owner, Why.SLASHED, ugtx=-lost_ugtx)
    keep(state, slashed)


def _left(amount_ugtx: int, rate_ppm: int) -> int:
    """What a slash leaves. What it takes is rounded up, so that splitting saves nothing."""
    return amount_ugtx * (PPM - rate_ppm) // PPM
