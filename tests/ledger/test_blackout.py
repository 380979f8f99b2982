"""The southern blackout of 21 May 2013, replayed: limits fall, and trades into the south with them.

What happened: demand in the south was 2,200 MW and its own generation 1,600; of two 500 kV lines to
the south one was out for maintenance when the other tripped, and the 230 kV lines beside them
overloaded. Here over Thailand's own network; the megawatts are those that EGAT leaves the market
beside all other traffic on the corridor, so the steps are the same and the sums small.
"""

import msgspec

from gtxnode.grid.build import build_model
from gtxnode.grid.status import GridStatus
from gtxnode.grid_data import thai_network
from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import FundGrid
from gtxnode.ledger.coins import Cash
from gtxnode.market.orders import Terms
from gtxnode.market.slots import Slot
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.grid_chain import GridChain
from tests.ledger.little_chain import FEE, GTX, KWH, START_S, address, signed

WEST, SOUTH = Zone.WESTERN, Zone.SOUTHERN
SELLERS = {"ratchaburi": WEST, "kanchanaburi": WEST, "tak": WEST}
BUYERS = {"phuket": SOUTH, "hatyai": SOUTH, "krabi": SOUTH}
EVENING = Slot(START_S + 3_600, 900)
CALM = GridStatus(50_010, 98, 1_000_000, 50_000, 180_000, 475)
OVERLOADED = GridStatus(49_720, 88, 860_000, 300_000, 180_000, 475)
COLLAPSING = GridStatus(48_300, 61, 720_000, 950_000, 180_000, 475)


def the_south() -> GridChain:
    chain = GridChain({**SELLERS, **BUYERS, "egat's purse": WEST})
    model = build_model(thai_network())
    chain.parameters = msgspec.structs.replace(chain.parameters, zones=tuple(Zone), grid=model)
    ((coin_id, coin),) = chain.coins("egat's purse", Cash)
    left = Cash(address("egat's purse"), coin.amount_ugtx - 10_000 * GTX - FEE)
    chain.accepted(signed(FundGrid((coin_id,), 10_000 * GTX, (left,)), "egat's purse"))
    return chain


def sell_into_the_south(chain: GridChain) -> list[int]:
    """Each seller offers 1,000 kWh for the evening, each buyer takes one; what was sold."""
    for seller in SELLERS:
        chain.accepted(chain.offer(seller, 1_000 * KWH, 3_000, EVENING))
    sold = []
    for buyer in BUYERS:
        trades = chain.accepted(chain.bid(buyer, 1_000 * KWH, 5_000, EVENING)).forward_trades
        sold += [trade.contract.sold_wh for trade in trades]
    return sold


def open_wh(chain: GridChain) -> list[int]:
    return [contract.open_wh for contract in chain.contracts()]


def test_a_tripped_line_cuts_what_was_sold_and_a_collapse_stops_the_south() -> None:
    chain = the_south()
    slots = 8
    # A calm day: 12 MW are left to the market, which is 3,000 kWh in a quarter of an hour.
    chain.accepted(chain.status(CALM, SOUTH), chain.limit(WEST, SOUTH, 12, slots=slots))
    assert sell_into_the_south(chain) == [1_000 * KWH] * 3
    full = chain.bid("phuket", 1_000 * KWH, 6_000, EVENING)
    chain.accepted(chain.offer("tak", 100 * KWH, 2_000, EVENING))
    assert not chain.accepted(full).forward_trades

    # One 500 kV line is taken out for maintenance: half is left, and each sale is cut by half.
    fund = chain.fund()
    half = chain.accepted(chain.limit(WEST, SOUTH, 6, slots=slots))
    assert [cut.cut_wh for cut in half.curtailments] == [500 * KWH] * 3
    assert open_wh(chain) == [500 * KWH] * 3
    assert chain.fund() == fund - 3 * 2 * 500 * KWH * 3_000 // 10

    # The other trips: what the 230 kV lines still carry is strained, trades pay a premium.
    chain.accepted(chain.status(OVERLOADED, SOUTH))
    chain.accepted(chain.limit(WEST, SOUTH, 1, slots=slots))
    assert sum(open_wh(chain)) <= 250 * KWH
    assert len(set(open_wh(chain))) == 1

    # They overload as well: nothing is carried, and nothing is traded in the south at all.
    chain.accepted(chain.status(COLLAPSING, SOUTH), chain.limit(WEST, SOUTH, 0, slots=slots))
    assert chain.contracts() == []
    cash = chain.coins("hatyai", Cash)
    at_once = wallet.buy(address("hatyai"), cash, 10 * KWH, 6_000, terms=Terms(zone=SOUTH))
    assert chain.refused(signed(at_once, "hatyai")) is Reason.GRID_UNSTABLE
    # Elsewhere the market goes on.
    chain.accepted(chain.offer("ratchaburi", 10 * KWH, 3_000, EVENING))
    purse = chain.bid("egat's purse", 10 * KWH, 3_500, EVENING)
    assert chain.accepted(purse).forward_trades

    # Power is back in the night: the lines carry, and who waited in the south trades at once.
    chain.accepted(chain.status(CALM, SOUTH), chain.limit(WEST, SOUTH, 12, slots=slots))
    waited = chain.block().forward_trades
    assert {trade.contract.buyer for trade in waited} == {address("phuket")}
    # A Wh had found room between two cuts, and was cut with the second.
    assert sum(trade.contract.sold_wh for trade in waited) == 100 * KWH - 1
    trades = chain.accepted(chain.offer("kanchanaburi", 200 * KWH, 2_500, EVENING)).forward_trades
    assert sum(trade.contract.sold_wh for trade in trades) == 200 * KWH
    assert {trade.contract.buyer_zone for trade in trades} == {SOUTH}
    assert {trade.wheeling.premium_ugtx for trade in trades if trade.wheeling} == {0}
