"""Halts as authorities make and lift them (halts.py).

On the registry an act is a directive as well, which every other chain follows. Nothing is refused
there any more: what the registry took holds, beside whatever else stands.
"""

from collections.abc import Collection

from msgspec.structs import replace

from gtxnode.ledger.authority.directing import direct, taken
from gtxnode.ledger.authority.directives import Halted, Lifted
from gtxnode.ledger.authority.halts import (
    MAX_HALTS,
    SPOT,
    Halts,
    OfMarket,
    OfTrader,
    Scope,
    StandingHalt,
    directed_halts_id,
    halts_coin_id,
)
from gtxnode.ledger.authority.mandates import authorised, enter
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Halt, Lift
from gtxnode.ledger.delivery import forwards
from gtxnode.ledger.grid.sweeps import make_due_of
from gtxnode.ledger.market import orders
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
    coin_id = _coin_id(state)
    _check_own(state, body, role)
    others = _others(state, coin_id, body.scope)
    if len(others) >= MAX_HALTS:
        raise Refused(Reason.TOO_MANY_HALTS, f"{len(others)} stand, at most {MAX_HALTS}")
    made = StandingHalt(body.scope, role, now_s, body.until_s, body.cause)
    _keep(state, coin_id, (*others, made))
    enter(state, transaction, role)
    direct(state, Halted(made))
    _cancel(state, body.scope)


def lift(state: BlockState, transaction: CheckedTransaction) -> None:
    """End a halt before its time."""
    body = transaction.body
    assert isinstance(body, Lift)
    role = authorised(state, transaction)
    coin_id = _coin_id(state)
    others = _others(state, coin_id, body.scope)
    if len(others) == len(_standing(state, coin_id)):
        directed = _standing(state, directed_halts_id(state.context.chain_id))
        elsewhere = any(each.scope == body.scope for each in directed)
        raise Refused(
            Reason.UNKNOWN_HALT,
            "the halt of that scope is the registry's, and is lifted there"
            if elsewhere
            else "no halt of that scope stands",
        )
    _check_own(state, body, role)
    _keep(state, coin_id, others)
    enter(state, transaction, role)
    direct(state, Lifted(body.scope))
    _reopen(state, body.scope)


def follow(state: BlockState) -> None:
    """Take over what was stopped and lifted on the registry, from the next block on."""
    coin_id = directed_halts_id(state.context.chain_id)
    for saying in taken(state):
        match saying:
            case Halted(halt):
                others = _others(state, coin_id, halt.scope)
                made = replace(halt, since_s=state.context.time_ms // 1_000)
                _keep(state, coin_id, _most((*others, made)))
                _cancel(state, halt.scope)
            case Lifted(scope):
                _keep(state, coin_id, _others(state, coin_id, scope))
                _reopen(state, scope)


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
        each.scope == body.scope and each.role is not Role.EGAT
        for each in _standing(state, _coin_id(state))
    ):
        raise Refused(Reason.NOT_AUTHORISED, "the halt of that scope is ERC's")


def _reopen(state: BlockState, scope: Scope) -> None:
    """What rests may trade again."""
    if isinstance(scope, OfMarket):
        make_due_of(state, scope.product)


def _coin_id(state: BlockState) -> bytes:
    """Where halts stand that are signed on this chain."""
    context = state.context
    of = directed_halts_id if context.parameters.registry else halts_coin_id
    return of(context.chain_id)


def _standing(state: BlockState, coin_id: bytes) -> Collection[StandingHalt]:
    coin = state.coins.get(coin_id)
    return tuple(coin.at(state.context.time_ms)) if isinstance(coin, Halts) else ()


def _others(state: BlockState, coin_id: bytes, scope: Scope) -> tuple[StandingHalt, ...]:
    return tuple(each for each in _standing(state, coin_id) if each.scope != scope)


def _keep(state: BlockState, coin_id: bytes, standing: tuple[StandingHalt, ...]) -> None:
    if standing:
        state.coins.make(coin_id, Halts(standing))
    elif state.coins.get(coin_id) is not None:
        state.coins.spend(coin_id)
    state.halts = None  # read again by whoever asks next


def _most(halts: tuple[StandingHalt, ...]) -> tuple[StandingHalt, ...]:
    """As many as the registry had: where there are more, the first to end had ended there, whose
    time was ahead."""
    if len(halts) <= MAX_HALTS:
        return halts
    first = min(halts, key=lambda each: each.until_s)
    return tuple(each for each in halts if each is not first)


def _cancel(state: BlockState, scope: Scope) -> None:
    """Nobody trades with a halted trader: its resting orders end."""
    if isinstance(scope, OfTrader):
        orders.cancel_all(state, scope.trader)
        forwards.cancel_all(state, scope.trader)
