"""Contracts handed on: a buyer's place in one is taken by another address, as when a home moves.

The seller is owed and owes the same: the price is in the contract already, and so is its
collateral. Energy that was delivered is the old buyer's, what is still open becomes the new one's,
with the money that is locked for it; what the new one pays the old for that is theirs to settle.
The zone stays, because the grid was used up for it.

The new holder is held against what a buyer is: halts, limits of use, the licence for its size. What
the old one has bought stays counted against its limits, so that nobody buys beyond them for others.
"""

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import AssignContract
from gtxnode.ledger.delivery.forward_coins import Contract, contract_coin_id
from gtxnode.ledger.market.licences import check_licence
from gtxnode.ledger.market.market_rules import check_halts, check_slot_usage, note_bought
from gtxnode.ledger.outcome import Assignment
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.ledger.transfers import balance, move
from gtxnode.primitives.errors import Reason, Refused


def assign_contract(state: BlockState, transaction: CheckedTransaction) -> None:
    """Put another buyer in the place of a contract's. Refuses what a bid of that would be."""
    body = transaction.body
    assert isinstance(body, AssignContract)
    coin_id = contract_coin_id(body.contract)
    contract = state.coins.get(coin_id)
    if not isinstance(contract, Contract):
        raise Refused(Reason.UNKNOWN_CONTRACT, f"contract {body.contract.hex()}")
    check_spend(contract, transaction)
    if body.to in (contract.buyer, contract.seller):
        side = "buyer" if body.to == contract.buyer else "seller"
        raise Refused(Reason.WRONG_HOLDER, f"to is the contract's {side}")
    for trader in (contract.buyer, body.to):
        check_halts(state, trader, contract.slot.length_s, (contract.buyer_zone,))
    check_licence(state, body.to, contract.open_wh)
    check_slot_usage(state, body.to, contract.slot, contract.open_wh)
    left = balance(state, transaction, body.inputs, body.outputs)
    move(state, transaction, body.inputs, body.outputs, left)
    state.coins.make(coin_id, replace(contract, buyer=body.to))
    note_bought(state, body.to, contract.open_wh, contract.slot)
    locked_ugtx = contract.share_ugtx(contract.buyer)
    state.accounts.post_brought(contract.buyer, body.to, ugtx=locked_ugtx)
    state.assignments.append(Assignment(body.contract, contract, body.to))
