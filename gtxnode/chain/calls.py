"""Whether a roll call would take effect on the registry, as its head has it.

Calls pay no fee. One that would be refused is taken neither from a client, nor from a peer in a
batch that holds nothing else.
"""

from collections.abc import Sequence

from gtxnode.chain.store import ChainStore
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.registry.roll_calls import answered
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused


def check_call(store: ChainStore, transaction: CheckedTransaction) -> None:
    """Hold a call against the head's state; raises `Refused`."""
    if not store.parameters.registry:
        raise Refused(Reason.NOT_REGISTRY, f"{store.chain_id} holds no stakes")
    rules, height = store.parameters.staking, store.tip.height + 1
    answered(CoinView(store), store.chain_id, rules, height, transaction)


def holds_only_calls(transactions: Sequence[CheckedTransaction]) -> bool:
    """Whether nothing among these pays a fee."""
    return all(type(each.body) is RollCall for each in transactions)


def adds_nothing(store: ChainStore, calls: Sequence[CheckedTransaction]) -> bool:
    """Whether all of these calls would be refused. A millisecond for each, in any thread."""
    return not any(_would_count(store, each) for each in calls)


def _would_count(store: ChainStore, transaction: CheckedTransaction) -> bool:
    try:
        check_call(store, transaction)
    except Refused:
        return False
    return True
