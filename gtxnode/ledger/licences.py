"""Licences for large orders: the regulator grants and revokes them, and large orders need one.

What is held against a licence is an order's whole size when it is placed or grows. A trade is never
larger than either of its orders, so nobody trades more in one step than is free to all without one.
"""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import GrantLicence, RevokeLicence
from gtxnode.ledger.licence_coins import Licence, licence_coin_id
from gtxnode.ledger.mandates import authorised, enter
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused


def grant(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give a trader a licence, in place of one that the trader may have."""
    body = transaction.body
    assert isinstance(body, GrantLicence)
    role = authorised(state, transaction)
    if body.expires_s * 1_000 <= state.context.time_ms:
        raise Refused(
            Reason.EXPIRY_OUT_OF_BOUNDS,
            f"expires_s {body.expires_s}, now it is {state.context.time_ms // 1_000}",
        )
    coin_id = licence_coin_id(state.context.chain_id, body.holder)
    state.coins.get(coin_id)  # one that is there is replaced
    state.coins.make(coin_id, Licence(body.holder, body.max_wh, body.expires_s))
    enter(state, transaction, role)


def revoke(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take a trader's licence back."""
    body = transaction.body
    assert isinstance(body, RevokeLicence)
    role = authorised(state, transaction)
    coin_id = licence_coin_id(state.context.chain_id, body.holder)
    if state.coins.get(coin_id) is None:
        raise Refused(Reason.UNKNOWN_LICENCE, f"trader {body.holder.hex()}")
    state.coins.spend(coin_id)
    enter(state, transaction, role)


def check_licence(state: BlockState, trader: bytes, quantity_wh: int) -> None:
    """Raise `Refused` for an order that is larger than the trader may place."""
    free_wh = state.context.parameters.orders.licence_over_wh
    if quantity_wh <= free_wh:
        return
    licence = state.coins.get(licence_coin_id(state.context.chain_id, trader))
    if not isinstance(licence, Licence) or licence.expires_s * 1_000 <= state.context.time_ms:
        raise Refused(Reason.NO_LICENCE, f"{quantity_wh} Wh, at most {free_wh} without a licence")
    if quantity_wh > licence.max_wh:
        raise Refused(
            Reason.NO_LICENCE, f"{quantity_wh} Wh, at most {licence.max_wh} with this licence"
        )
