"""Commitments to the seeds' values, and the authorities' reveals of theirs."""

from msgspec.structs import replace

from consensus.errors import Refusal
from consensus.hash_chain import InvalidReveal
from consensus.seed import may_reveal, pledged, redeemed
from gtxnode.ledger.authority.mandates import authorised
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import PledgeSeed, RenewChain, RevealSeed
from gtxnode.ledger.registry import seeds
from gtxnode.ledger.registry.staking import epoch_at, find, keep, require_registry
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused

_REASONS = {
    Refusal.WRONG_TIME: Reason.NOTHING_COMMITTED,
    Refusal.DUPLICATE: Reason.ALREADY_REVEALED,
    Refusal.BAD_REVEAL: Reason.WRONG_REVEAL,
}


def renew_chain(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take a validator's commitment to the chain that it uses from the next epoch on."""
    body = transaction.body
    assert isinstance(body, RenewChain)
    require_registry(state)
    _require_epoch(state, body.epoch)
    validator = find(state, body.validator)
    if validator is None:
        raise Refused(Reason.UNKNOWN_VALIDATOR, f"validator {body.validator.hex()}")
    check_renewal_signed(body, transaction)
    if seeds.has_committed(state, body.validator, body.epoch):
        raise Refused(Reason.ALREADY_COMMITTED, f"validator {body.validator.hex()}")
    seeds.commit(state, body.validator, body.epoch, body.end)
    keep(state, replace(validator, seed_commitment=body.end))


def check_renewal_signed(body: RenewChain, transaction: CheckedTransaction) -> None:
    """A chain is its validator's own: not even who owns the stake commits for it."""
    if body.validator not in transaction.signers:
        raise Refused(Reason.NOT_OWNER, f"validator {body.validator.hex()} did not sign")


def pledge_seed(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take an authority's commitment."""
    body = transaction.body
    assert isinstance(body, PledgeSeed)
    require_registry(state)
    role = authorised(state, transaction)
    _require_epoch(state, body.epoch)
    try:
        after = pledged(seeds.seeds(state), role, body.commitment)
    except InvalidReveal as error:
        raise Refused(Reason.ALREADY_COMMITTED, f"{role.name} in epoch {body.epoch}") from error
    seeds.keep_seeds(state, after)


def reveal_seed(state: BlockState, transaction: CheckedTransaction) -> None:
    """Mix an authority's value into the next epoch's seed."""
    body = transaction.body
    assert isinstance(body, RevealSeed)
    require_registry(state)
    role = authorised(state, transaction)
    _require_epoch(state, body.epoch)
    blocks = state.context.parameters.staking.epoch_blocks
    offset = (state.context.height - 1) % blocks
    if not may_reveal(offset, blocks):
        raise Refused(Reason.REVEAL_TOO_LATE, f"block {offset} of {blocks}, counted from 0")
    try:
        after = redeemed(state.context.chain_id, seeds.seeds(state), role, body.value)
    except InvalidReveal as error:
        raise Refused(_REASONS[error.reason], f"{role.name}: {error.detail}") from error
    seeds.keep_seeds(state, after)


def _require_epoch(state: BlockState, epoch: int) -> None:
    now = epoch_at(state)
    if epoch != now:
        raise Refused(Reason.WRONG_EPOCH, f"epoch {epoch}, and this is {now}")
