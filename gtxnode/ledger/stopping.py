"""Halts as authorities make and lift them, and as orders meet them (halts.py)."""

from collections.abc import Collection

from gtxnode.ledger import forwards, orders
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Halt, Lift
from gtxnode.ledger.halts import (
    MAX_HALTS,
    SPOT,
    Halts,
    OfTrader,
    StandingHalt,
    halts_coin_id,
)
from gtxnode.ledger.mandates import authorised, enter
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Role


def halt(state: BlockState, transaction: CheckedTransaction) -> None:
    """Stop trading in a scope. A halted trader's resting orders are cancelled."""
    body = transaction.body
    assert isinstance(body, Halt)
    role = authorised(state, transaction)
    _check_scope(state, body, role)
    now_s = state.context.time_ms // 1_000
    rules = state.context.parameters.compliance
    longest_s = rules.max_emergency_s if role is Role.EGAT else rules.max_halt_s
    if not now_s < body.until_s <= now_s + longest_s:
        raise Refused(
            Reason.HALT_OUT_OF_BOUNDS,
            f"until_s is {body.until_s - now_s} s from now, between 1 and {longest_s}",
        )
    others = [each for each in _standing(state) if each.scope != body.scope]
    _check_own(state, body, role)
    if len(others) >= MAX_HALTS:
        raise Refused(Reason.TOO_MANY_HALTS, f"{MAX_HALTS} stand")
    made = StandingHalt(body.scope, role, now_s, body.until_s, body.cause)
    _keep(state, (*others, made))
    enter(state, transaction, role)
    if isinstance(body.scope, OfTrader):
        orders.cancel_all(state, body.scope.trader)
        forwards.cancel_all(state, body.scope.trader)


def lift(state: BlockState, transaction: CheckedTransaction) -> None:
    """End a halt before its time."""
    body = transaction.body
    assert isinstance(body, Lift)
    role = authorised(state, transaction)
    standing = _standing(state)
    others = tuple(each for each in standing if each.scope != body.scope)
    if len(others) == len(standing):
        raise Refused(Reason.UNKNOWN_HALT)
    _check_own(state, body, role)
    _keep(state, others)
    enter(state, transaction, role)


def _check_scope(state: BlockState, body: Halt, role: Role) -> None:
    scope = body.scope
    if isinstance(scope, OfTrader):
        if role is Role.EGAT:
            raise Refused(Reason.NOT_AUTHORISED, "EGAT halts markets, not traders")
        return
    product = scope.product
    slots = state.context.parameters.forwards.products
    products = {SPOT} | {each.length_s for each in slots}
    if product is not None and product not in products:
        raise Refused(Reason.HALT_OUT_OF_BOUNDS, f"product {product}, none of {sorted(products)}")


def _check_own(state: BlockState, body: Halt | Lift, role: Role) -> None:
    """EGAT leaves what ERC has stopped alone."""
    if role is Role.EGAT and any(
        each.scope == body.scope and each.role is not Role.EGAT for each in _standing(state)
    ):
        raise Refused(Reason.NOT_AUTHORISED, "the halt of that scope is ERC's")


def _standing(state: BlockState) -> Collection[StandingHalt]:
    coin = state.coins.get(halts_coin_id(state.context.chain_id))
    return tuple(coin.at(state.context.time_ms)) if isinstance(coin, Halts) else ()


def _keep(state: BlockState, standing: tuple[StandingHalt, ...]) -> None:
    coin_id = halts_coin_id(state.context.chain_id)
    if standing:
        state.coins.make(coin_id, Halts(standing))
    elif state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)
    state.halts = standing
