"""Curtailment on the ledger: contracts for which a fallen limit leaves no room are cut.

With every limit that an authority sets, each slot that it is about and that has not ended is held
against what is used of it. Where that is too much, the open parts of the slot's contracts are cut
by the rule of grid/curtailment.py; what was traded at once, or is delivered already, stands. A cut
Wh is not to be delivered any more: the buyer's payment for it goes back, and the seller's
collateral. Both get a part of its value on top (`CurtailmentRules`) out of the grid's fund. Where
the fund does not hold all that one act costs, each gets the same part of it, rounded down; what was
paid for the way is not given back.
"""

from typing import NamedTuple

from msgspec.structs import replace

from gtxnode.grid.curtailment import Sale, curtailed
from gtxnode.grid.model import PPM, SLOT_S, CurtailmentRules
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Cash, output_id
from gtxnode.ledger.delivery.forward_coins import Contract, contract_coin_id
from gtxnode.ledger.grid import corridors
from gtxnode.ledger.grid.carriage import span_of
from gtxnode.ledger.grid.corridors import Carrier, carrier_of, parts_of
from gtxnode.ledger.grid.grid_coins import curtailment_id, slot_start
from gtxnode.ledger.outcome import Curtailment


class _Owed(NamedTuple):
    """What a cut ought to be compensated with, in µGTX."""

    seller: int
    buyer: int


def curtail(state: BlockState, act_id: bytes, start_s: int, end_s: int) -> None:
    """Bring what is sold for the slots of a range within their limits."""
    carrier = carrier_of(state)
    assert carrier is not None, "only a grid has limits"
    starts = [each for each in _open_slots(state, carrier) if start_s <= each < end_s]
    tight = [each for each in starts if not carrier.use(each).fits(carrier.limits(each))]
    if not tight:
        return
    contracts = {
        contract_id: _contract(state, contract_id)
        for contract_id in state.forwards.within(tight[0], tight[-1] + SLOT_S)
    }
    left_wh = {contract_id: contract.open_wh for contract_id, contract in contracts.items()}
    for start in tight:
        _cut_slot(carrier, start, contracts, left_wh)
    cuts = {each: contracts[each].open_wh - left for each, left in left_wh.items()}
    _settle(state, act_id, contracts, {each: wh for each, wh in cuts.items() if wh})


def _cut_slot(
    carrier: Carrier, start: int, contracts: dict[bytes, Contract], left_wh: dict[bytes, int]
) -> None:
    """Cut what is left of contracts as far as one slot asks, in all slots that each touches."""
    fixed = carrier.use(start).copy()
    sales: dict[bytes, Sale] = {}
    for contract_id, contract in contracts.items():
        watts = dict(parts_of(span_of(contract.slot))).get(start)
        way = carrier.way(contract.seller_zone, contract.buyer_zone)
        if watts is not None and way is not None and left_wh[contract_id]:
            power = left_wh[contract_id] * watts
            sales[contract_id] = Sale(way, power, watts)
            fixed.take(way, -power)
    left = curtailed(list(sales.values()), carrier.limits(start), fixed)
    for (contract_id, sale), power in zip(sales.items(), left, strict=True):
        cut_wh = (sale.power_w - power) // sale.unit_w
        if cut_wh:
            contract = contracts[contract_id]
            span = span_of(contract.slot)
            uses = {at: use for at, use in carrier.uses_of(span).items() if at >= start}
            zones = (contract.seller_zone, contract.buyer_zone)
            carrier.take(*zones, span, uses, -cut_wh)
            carrier.keep(uses)
            left_wh[contract_id] -= cut_wh


def _settle(
    state: BlockState, act_id: bytes, contracts: dict[bytes, Contract], cuts: dict[bytes, int]
) -> None:
    """Give back what the cut energy was paid and secured with, and compensate both sides."""
    chain_id, model = state.context.chain_id, state.context.parameters.grid
    assert model is not None, "only a grid has limits"
    owed = {each: _owed(model.curtailment, contracts[each], wh) for each, wh in cuts.items()}
    total_ugtx = sum(sum(each) for each in owed.values())
    held_ugtx = corridors.fund_ugtx(state)
    payable_ugtx = min(held_ugtx, total_ugtx)
    paid_ugtx = 0
    for contract_id, cut_wh in cuts.items():
        contract = contracts[contract_id]
        seller_ugtx, buyer_ugtx = (
            each * payable_ugtx // total_ugtx if total_ugtx else 0 for each in owed[contract_id]
        )
        paid_ugtx += seller_ugtx + buyer_ugtx
        collateral = contract.imbalance_mgtx_per_kwh - contract.price_mgtx_per_kwh
        back = (
            (contract.buyer, cut_wh * contract.price_mgtx_per_kwh + buyer_ugtx),
            (contract.seller, cut_wh * collateral + seller_ugtx),
        )
        for index, (owner, amount_ugtx) in enumerate(back):
            if amount_ugtx:
                coin_id = output_id(curtailment_id(chain_id, act_id, contract_id), index)
                state.coins.make(coin_id, Cash(owner, amount_ugtx))
        _shrink(state, contract_id, contract, cut_wh)
        state.curtailments.append(
            Curtailment(contract_id, contract, cut_wh, seller_ugtx, buyer_ugtx)
        )
    corridors.fund(state, -paid_ugtx)


def _shrink(state: BlockState, contract_id: bytes, contract: Contract, cut_wh: int) -> None:
    """What is left of a contract goes on; one that is cut altogether is over."""
    if cut_wh == contract.open_wh:
        state.coins.spend(contract_coin_id(contract_id))
        state.forwards.settled(contract_id, contract)
        return
    left = replace(contract, sold_wh=contract.sold_wh - cut_wh, open_wh=contract.open_wh - cut_wh)
    state.coins.make(contract_coin_id(contract_id), left)
    state.forwards.curtailed(contract, cut_wh)


def _owed(rules: CurtailmentRules, contract: Contract, cut_wh: int) -> _Owed:
    value_ugtx = cut_wh * contract.price_mgtx_per_kwh
    return _Owed(value_ugtx * rules.seller_ppm // PPM, value_ugtx * rules.buyer_ppm // PPM)


def _open_slots(state: BlockState, carrier: Carrier) -> list[int]:
    """The slots that something is used of and that have not ended, earliest first."""
    known = carrier.changed.union(corridors.open_slots(state).starts)
    now_s = slot_start(state.context.time_ms // 1_000)
    return sorted(start for start in known if start >= now_s)


def _contract(state: BlockState, contract_id: bytes) -> Contract:
    coin = state.coins.get(contract_coin_id(contract_id))
    assert isinstance(coin, Contract), "a contract is open only while its coin exists"
    return coin
