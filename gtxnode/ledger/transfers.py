"""Transfers: coins to new owners. What every body balances that takes coins and makes coins.

GTX that comes in and does not go out is the fee. Energy balances by origin and credits balance: a
transfer gives on exactly what came in; a retirement (retirements.py) uses up what it does not.
"""

from typing import NamedTuple

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import Transfer
from gtxnode.ledger.bodies.fields import Output
from gtxnode.ledger.coins import Cash, Credit, Energy, Origin, output_id
from gtxnode.ledger.spend_rules import check_spend
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused


class Balance(NamedTuple):
    """What came in less what goes out."""

    fee_ugtx: int
    left_wh: dict[Origin, int]
    """By origin, as inputs name them."""
    left_mgco2e: int
    cash: dict[bytes, int]
    """By owner, what goes out less what came in; whose money came first is first."""
    energy: dict[bytes, int]
    """The same in Wh."""


def transfer(state: BlockState, transaction: CheckedTransaction) -> None:
    """Give coins on. Refuses what does not balance, or pays too little."""
    body = transaction.body
    assert isinstance(body, Transfer)
    left = balance(state, transaction, body.inputs, body.outputs)
    for origin, left_wh in left.left_wh.items():
        if left_wh:
            raise unbalanced_energy(origin, left_wh)
    if left.left_mgco2e:
        raise unbalanced_credits(left.left_mgco2e)
    move(state, transaction, body.inputs, body.outputs, left)


def balance(
    state: BlockState,
    transaction: CheckedTransaction,
    inputs: tuple[bytes, ...],
    outputs: tuple[Output, ...],
    locked_ugtx: int = 0,
    locked_for: bytes | None = None,
) -> Balance:
    """The fee, and the energy and the credits that came in less what goes out.

    `locked_ugtx` goes elsewhere than into outputs; it is `locked_for` an owner, if it stays one's.
    Refuses what may not be spent, what is overspent, and a fee that is too low.
    """
    left_ugtx, left_mgco2e = -locked_ugtx, 0
    left_wh: dict[Origin, int] = {}
    cash: dict[bytes, int] = {}
    energy: dict[bytes, int] = {}
    for coin_id in inputs:
        coin = state.coins.get(coin_id)
        if coin is None:
            raise Refused(Reason.UNKNOWN_COIN, f"input {coin_id.hex()}")
        check_spend(coin, transaction)
        if type(coin) is Cash:
            left_ugtx += coin.amount_ugtx
            cash[coin.owner] = cash.get(coin.owner, 0) - coin.amount_ugtx
        elif type(coin) is Energy:
            left_wh[coin.origin] = left_wh.get(coin.origin, 0) + coin.amount_wh
            energy[coin.owner] = energy.get(coin.owner, 0) - coin.amount_wh
        elif type(coin) is Credit:
            left_mgco2e += coin.amount_mgco2e
    for output in outputs:
        if type(output) is Cash:
            left_ugtx -= output.amount_ugtx
            cash[output.owner] = cash.get(output.owner, 0) + output.amount_ugtx
        elif type(output) is Energy:
            left_wh[output.origin] = left_wh.get(output.origin, 0) - output.amount_wh
            energy[output.owner] = energy.get(output.owner, 0) + output.amount_wh
        elif type(output) is Credit:
            left_mgco2e -= output.amount_mgco2e
    if left_ugtx < 0:
        raise Refused(Reason.OVERSPENT, f"outputs exceed inputs by {-left_ugtx} µGTX")
    least_ugtx = state.context.parameters.min_fee_ugtx
    if left_ugtx < least_ugtx:
        raise Refused(Reason.FEE_TOO_LOW, f"fee of {left_ugtx} µGTX, at least {least_ugtx}")
    if locked_for is not None:
        cash[locked_for] = cash.get(locked_for, 0) + locked_ugtx
    return Balance(left_ugtx, left_wh, left_mgco2e, cash, energy)


def move(
    state: BlockState,
    transaction: CheckedTransaction,
    inputs: tuple[bytes, ...],
    outputs: tuple[Output, ...],
    left: Balance,
) -> None:
    """Spend the inputs, make the outputs, and take the fee that `balance` found."""
    coins = state.coins
    for coin_id in inputs:
        coins.spend(coin_id)
    identity = transaction.id
    for index, output in enumerate(outputs):
        coins.make(output_id(identity, index), output)
    state.fees_ugtx += left.fee_ugtx
    state.accounts.post_moved(left)


def unbalanced_energy(origin: Origin, left_wh: int) -> Refused:
    """More or less of an origin goes out than came in."""
    where = f"{origin.source.name} of {origin.zone.name}, {origin.start_s} to {origin.end_s}"
    return Refused(Reason.UNBALANCED_ENERGY, f"{left_wh} Wh left over of {where}")


def unbalanced_credits(left_mgco2e: int) -> Refused:
    """More or fewer credits go out than came in."""
    return Refused(Reason.UNBALANCED_CREDITS, f"{left_mgco2e} mg CO2e left over")
