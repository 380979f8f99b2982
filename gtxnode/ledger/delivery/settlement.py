"""The settlement of forwards: what a meter exported goes to its contracts first.

With every reading that counts (minting.py), what it adds is delivered to the contracts on that
meter, oldest first (market/delivery.py): the energy comes into being as the buyer's, never as the
seller's, and at once the seller has its price less the trading fee, and its collateral back. What
its way through the grid loses comes into being and is retired in one. What no contract wants is the
seller's own.

A contract ends
- when all of it is delivered;
- when readings have shown its slot to the end without a gap: nothing more can come, since readings
  do not overlap. Time that a reading leaves out, or that one covers which does not count yet, is
  waited for;
- at the latest when its grace time after the slot is over, by the block's time alone.

What is missing then is paid to the buyer at the imbalance price out of what the contract holds.

So a late reading, within the grace time, delivers as if it had come at once, and so does a suspect
one that is released in time. One that comes after it finds no contract, and all of its energy is
the seller's own; a reading that comes twice is refused as any copy is, and delivers nothing.
"""

from collections import defaultdict

from msgspec.structs import replace

from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Cash, Energy, Origin, output_id
from gtxnode.ledger.delivery.forward_coins import Contract, contract_coin_id, settlement_id
from gtxnode.ledger.grid.carriage import lost_on
from gtxnode.ledger.outcome import Settlement
from gtxnode.market.delivery import Claim, Export, deliver
from gtxnode.market.fee import trading_fee

# Output 0 of a reading is what stays with the meter's owner.
_FIRST_OUTPUT = 1


def settle_reading(
    state: BlockState, identity: bytes, owner: bytes, origin: Origin, exported_wh: int
) -> int:
    """Deliver what a reading adds, and end contracts that it shows whole; what is left, in Wh.

    It is an owner's, and no contracts but his own get of it. `identity` is the reading's
    transaction, and the coins made here are outputs of it.
    """
    found = state.forwards.contracts(origin.meter, origin.start_s, origin.end_s)
    if not found:
        return exported_wh
    contracts = [(contract_id, _contract(state, contract_id)) for contract_id in found]
    # Who sold ahead what a meter was to export, and gave the meter away, falls short.
    claims = [
        Claim(contract.slot, contract.open_wh if contract.seller == owner else 0)
        for _, contract in contracts
    ]
    delivery = deliver(Export(origin.start_s, origin.end_s, exported_wh), claims)
    energy_wh: defaultdict[bytes, int] = defaultdict(int)
    cash_ugtx: defaultdict[bytes, int] = defaultdict(int)
    for (contract_id, contract), wh in zip(contracts, delivery.delivered_wh, strict=True):
        read_to_s = contract.read_to_s
        if origin.start_s <= read_to_s:
            read_to_s = max(read_to_s, origin.end_s)
        short_wh = contract.open_wh - wh if read_to_s >= contract.slot.end_s else 0
        lost_wh = lost_on(state, contract.seller_zone, contract.buyer_zone, wh)
        state.retired_wh += lost_wh
        energy_wh[contract.buyer] += wh - lost_wh
        fee_ugtx = trading_fee(wh * contract.price_mgtx_per_kwh, contract.trading_fee_ppm)
        state.fees_ugtx += fee_ugtx
        cash_ugtx[contract.seller] += wh * contract.imbalance_mgtx_per_kwh - fee_ugtx
        cash_ugtx[contract.buyer] += short_wh * contract.imbalance_mgtx_per_kwh
        step = Settlement(contract_id, contract, wh, short_wh, lost_wh, fee_ugtx)
        _carry_on(state, step, read_to_s)
    index = _FIRST_OUTPUT
    for owner, wh in energy_wh.items():
        if wh:
            state.coins.make(output_id(identity, index), Energy(owner, wh, origin))
            index += 1
    for owner, amount_ugtx in cash_ugtx.items():
        if amount_ugtx:
            state.coins.make(output_id(identity, index), Cash(owner, amount_ugtx))
            index += 1
    return delivery.left_wh


def settle_due(state: BlockState) -> None:
    """End every contract whose grace time is over, before the block's own transactions."""
    while (contract_id := state.forwards.next_due(state.context.time_ms)) is not None:
        contract = _contract(state, contract_id)
        coin_id = output_id(settlement_id(state.context.chain_id, contract_id), 0)
        state.coins.make(coin_id, Cash(contract.buyer, contract.locked_ugtx))
        step = Settlement(contract_id, contract, 0, contract.open_wh)
        _carry_on(state, step, contract.read_to_s)


def _carry_on(state: BlockState, step: Settlement, read_to_s: int) -> None:
    """Keep what is open of a contract, or end it."""
    if step.open_wh:
        rest = replace(step.contract, open_wh=step.open_wh, read_to_s=read_to_s)
        state.coins.make(contract_coin_id(step.contract_id), rest)
    else:
        state.coins.spend(contract_coin_id(step.contract_id))
        state.forwards.settled(step.contract_id, step.contract)
    if step.delivered_wh or step.short_wh:
        state.settlements.append(step)


def _contract(state: BlockState, contract_id: bytes) -> Contract:
    coin = state.coins.get(contract_coin_id(contract_id))
    assert isinstance(coin, Contract), "a contract is open only while its coin exists"
    return coin
