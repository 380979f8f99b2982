"""Who may send what pays no fee: held where transactions come in, before a block carries them.

This is a rule of relaying, not of blocks. It goes by what is final on one node, and nodes are not
at the same height, so a block may hold what it refuses; execution refuses that again. Without it
anyone could fill others' blocks, for nothing, with acts that are not his.
"""

from gtxnode.ledger.authority.authority_keys import AuthorityKeys, authority_keys_coin_id
from gtxnode.ledger.authority.mandates import MANDATES, check_signed
from gtxnode.ledger.block_state import Bench
from gtxnode.ledger.bodies import Evidence, RenewChain
from gtxnode.ledger.registry.commitments import check_renewal_signed
from gtxnode.ledger.registry.evidence import check_guilt
from gtxnode.ledger.registry.staking import find
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused

FEE_FREE = frozenset({*MANDATES, Evidence, RenewChain})
"""The kinds that neither a fee nor work admits, and a few that are an authority's in any case."""

_FOR_GOOD = frozenset(
    {
        Reason.NOT_AUTHORISED,
        Reason.NOT_OWNER,
        Reason.NOT_REGISTRY,
        Reason.INVALID_EVIDENCE,
        Reason.UNKNOWN_VALIDATOR,
    }
)
"""What does not come with time: the others may have been true a few blocks before, or will be."""


def check_sender(bench: Bench, transaction: CheckedTransaction) -> None:
    """Raise `Refused` for what none of those may send who have signed it, by what is final."""
    body = transaction.body
    if type(body) not in FEE_FREE:
        return
    if isinstance(body, Evidence):
        check_guilt(bench, body)
    elif isinstance(body, RenewChain):
        check_renewal_signed(body, transaction)
        if find(bench, body.validator) is None:
            raise Refused(Reason.UNKNOWN_VALIDATOR, f"validator {body.validator.hex()}")
    else:
        check_signed(bench, transaction)


def is_for_good(bench: Bench, transaction: CheckedTransaction, refusal: Refused) -> bool:
    """Whether a refusal by `check_sender` held for whoever sealed it too, a few blocks before: an
    authority's key may have been rotated out or barred since."""
    if refusal.reason not in _FOR_GOOD:
        return False
    keys = bench.coins.get(authority_keys_coin_id(bench.context.chain_id))
    once = isinstance(keys, AuthorityKeys) and any(
        keys.role_once(key, bench.context.height) is not None for key in transaction.signers
    )
    now = {each.public_key for each in bench.context.parameters.authorities}
    return refusal.reason is not Reason.NOT_AUTHORISED or not (
        once or not now.isdisjoint(transaction.signers)
    )
