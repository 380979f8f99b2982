"""Licences for large orders: the regulator grants and revokes them, and large orders need one.

What is held against a licence is an order's whole size when it is placed or grows. A trade is never
larger than either of its orders, so nobody trades more in one step than is free to all without one.

A licence that is signed on the registry counts on every chain, beside one that was signed there:
the larger of those that count covers an order, and each is revoked where it was signed.
"""

from gtxnode.ledger.authority.directing import direct, taken
from gtxnode.ledger.authority.directives import Licensed, Unlicensed
from gtxnode.ledger.authority.mandates import authorised, enter
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import GrantLicence, RevokeLicence
from gtxnode.ledger.market.licence_coins import (
    Licence,
    directed_licence_id,
    licence_coin_id,
    licences_of,
)
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
            f"expires_s {body.expires_s}, at least {state.context.time_ms // 1_000 + 1}",
        )
    licence = Licence(body.holder, body.max_wh, body.expires_s)
    _keep(state, _coin_id(state, body.holder), licence)
    enter(state, transaction, role)
    direct(state, Licensed(licence))


def revoke(state: BlockState, transaction: CheckedTransaction) -> None:
    """Take a trader's licence back."""
    body = transaction.body
    assert isinstance(body, RevokeLicence)
    role = authorised(state, transaction)
    coin_id = _coin_id(state, body.holder)
    if state.coins.get(coin_id) is None:
        raise Refused(Reason.UNKNOWN_LICENCE, _lacking(state, body.holder))
    state.coins.spend(coin_id)
    enter(state, transaction, role)
    direct(state, Unlicensed(body.holder))


def follow(state: BlockState) -> None:
    """Take over what was given and taken on the registry, from the next block on."""
    chain_id = state.context.chain_id
    for saying in taken(state):
        match saying:
            case Licensed(licence):
                _keep(state, directed_licence_id(chain_id, licence.holder), licence)
            case Unlicensed(holder):
                coin_id = directed_licence_id(chain_id, holder)
                if state.coins.get(coin_id) is not None:
                    state.coins.spend(coin_id)


def check_licence(state: BlockState, trader: bytes, quantity_wh: int) -> None:
    """Raise `Refused` for an order that is larger than the trader may place."""
    free_wh = state.context.parameters.orders.licence_over_wh
    if quantity_wh <= free_wh:
        return
    found = licences_of(state.context.chain_id, state.coins, trader)
    now_ms = state.context.time_ms
    counting = [each.max_wh for each, _ in found if each.expires_s * 1_000 > now_ms]
    if not counting:
        raise Refused(Reason.NO_LICENCE, f"{quantity_wh} Wh, at most {free_wh} without a licence")
    if quantity_wh > max(counting):
        raise Refused(
            Reason.NO_LICENCE, f"{quantity_wh} Wh, at most {max(counting)} with this licence"
        )


def _coin_id(state: BlockState, holder: bytes) -> bytes:
    """Where a licence stands that is signed on this chain."""
    context = state.context
    of = directed_licence_id if context.parameters.registry else licence_coin_id
    return of(context.chain_id, holder)


def _keep(state: BlockState, coin_id: bytes, licence: Licence) -> None:
    state.coins.get(coin_id)  # one that is there is replaced
    state.coins.make(coin_id, licence)


def _lacking(state: BlockState, holder: bytes) -> str:
    directed = state.coins.get(directed_licence_id(state.context.chain_id, holder))
    where = "has one of the registry, which is revoked there" if directed else "has none"
    return f"trader {holder.hex()} {where}"
