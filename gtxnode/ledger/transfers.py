"""Transfers and retirements: coins to new owners, and energy that is consumed.

Both balance. GTX that comes in and does not go out is the fee. Energy balances by origin: a
transfer gives on exactly what came in; a retirement consumes what it does not give back.
"""

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Retire, Transfer
from gtxnode.ledger.bodies.fields import Output
from gtxnode.ledger.coins import Cash, Energy, Lot, Origin, output_id
from gtxnode.ledger.outcome import Retirement
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused


def transfer(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give coins on. Refuses what does not balance, or pays too little."""
    body = transaction.body
    assert isinstance(body, Transfer)
    fee_ugtx, energy = balance(state, transaction, body.inputs, body.outputs)
    for origin, left_wh in energy.items():
        if left_wh:
            raise _unbalanced(origin, left_wh)
    move(state, transaction, body.inputs, body.outputs, fee_ugtx)


def retire(state: BlockState, transaction: CheckedTransaction) -> None:
    """Consume energy. What the outputs do not return is retired."""
    body = transaction.body
    assert isinstance(body, Retire)
    fee_ugtx, energy = balance(state, transaction, body.inputs, body.outputs)
    for origin, left_wh in energy.items():
        if left_wh < 0:
            raise _unbalanced(origin, left_wh)
    lots = tuple(Lot(left_wh, origin) for origin, left_wh in energy.items() if left_wh)
    if not lots:
        raise Refused(Reason.NOTHING_RETIRED)
    move(state, transaction, body.inputs, body.outputs, fee_ugtx)
    state.retired_wh += sum(lot.amount_wh for lot in lots)
    state.retirements.append(Retirement(transaction.id, body.consumer, lots))


def balance(
    state: BlockState,
    transaction: CheckedTransaction,
    inputs: tuple[bytes, ...],
    outputs: tuple[Output, ...],
    locked_ugtx: int = 0,
) -> tuple[int, dict[Origin, int]]:
    """The fee, and the energy that came in less what goes out by origin, as inputs name them.

    `locked_ugtx` goes elsewhere than into outputs. Refuses what may not be spent, what is
    overspent, and a fee that is too low.
    """
    left_ugtx = -locked_ugtx
    left_wh: dict[Origin, int] = {}
    for coin_id in inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        if type(coin) is Cash:
            left_ugtx += coin.amount_ugtx
        elif type(coin) is Energy:
            left_wh[coin.origin] = left_wh.get(coin.origin, 0) + coin.amount_wh
    for output in outputs:
        if type(output) is Cash:
            left_ugtx -= output.amount_ugtx
        elif type(output) is Energy:
            left_wh[output.origin] = left_wh.get(output.origin, 0) - output.amount_wh
    if left_ugtx < 0:
        raise Refused(Reason.OVERSPENT, f"outputs exceed inputs by {-left_ugtx} µGTX")
    least_ugtx = state.context.parameters.min_fee_ugtx
    if left_ugtx < least_ugtx:
        raise Refused(Reason.FEE_TOO_LOW, f"fee of {left_ugtx} µGTX, at least {least_ugtx}")
    return left_ugtx, left_wh


def move(
    state: BlockState,
    transaction: CheckedTransaction,
    inputs: tuple[bytes, ...],
    outputs: tuple[Output, ...],
    fee_ugtx: int,
) -> None:
    """Spend the inputs, make the outputs, and take the fee that `balance` found."""
    coins = state.coins
    for coin_id in inputs:
        coins.spend(coin_id)
    identity = transaction.id
    for index, output in enumerate(outputs):
        coins.make(output_id(identity, index), output)
    state.fees_ugtx += fee_ugtx


def _unbalanced(origin: Origin, left_wh: int) -> Refused:
    where = f"{origin.source.name} of {origin.zone.name}, {origin.start_s} to {origin.end_s}"
    return Refused(Reason.UNBALANCED_ENERGY, f"{left_wh} Wh left over of {where}")
