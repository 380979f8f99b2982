"""The trading fee: out of what sellers get, when energy changes hands, to whoever proposes."""

import msgspec

from gtxnode.ledger.outcome import BlockOutcome
from tests.ledger.forward_chain import NOON, QUARTER, ForwardChain
from tests.ledger.little_chain import GTX, KWH, PARAMETERS, LittleChain

CASH = 1_000 * GTX


def with_fee(ppm: int) -> ForwardChain:
    """A chain whose trades pay that part of their price."""
    orders = msgspec.structs.replace(PARAMETERS.orders, trading_fee_ppm=ppm)
    return ForwardChain(
        "malee",
        "niran",
        cash_ugtx=CASH,
        parameters=msgspec.structs.replace(PARAMETERS, orders=orders),
    )


def change_fee(chain: LittleChain, ppm: int) -> None:
    orders = msgspec.structs.replace(chain.parameters.orders, trading_fee_ppm=ppm)
    chain.parameters = msgspec.structs.replace(chain.parameters, orders=orders)


def traded(chain: LittleChain) -> BlockOutcome:
    """Malee sells 50 kWh at 3.5 to Niran, who would give 4.0."""
    chain.export("malee", 100 * KWH)
    return chain.accepted(
        chain.sell("malee", 100 * KWH, 3_500), chain.buy("niran", 50 * KWH, 4_000)
    )


def test_a_spot_trades_fee_is_out_of_what_the_seller_gets() -> None:
    chain = with_fee(10_000)
    (trade,) = traded(chain).trades
    assert (trade.cost_ugtx, trade.fee_ugtx) == (175 * GTX, 1_750_000)
    assert chain.cash("malee") == CASH + 175 * GTX - 1_750_000
    assert chain.cash("niran") == CASH - 175 * GTX
    assert chain.cash("proposer") == 1_750_000


def test_there_is_none_by_default() -> None:
    chain = with_fee(0)
    (trade,) = traded(chain).trades
    assert trade.fee_ugtx == 0
    assert chain.cash("malee") == CASH + 175 * GTX


def test_a_forwards_fee_is_due_on_what_is_delivered_at_the_rate_of_its_making() -> None:
    chain = with_fee(10_000)
    chain.accepted(
        chain.offer("malee", 2 * KWH, 3_500, QUARTER), chain.bid("niran", 2 * KWH, 3_500, QUARTER)
    )
    change_fee(chain, 50_000)
    assert chain.cash("proposer") == 0
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    chain.until(NOON + 900)
    outcome = chain.accepted(chain.read_to("malee", NOON + 900, 1_500))
    (settlement,) = outcome.settlements
    # 1 % of 1.5 kWh at 3.5; half a kWh is missing and pays none
    assert settlement.fee_ugtx == 52_500 == chain.cash("proposer")
    assert chain.cash("malee") == CASH + 1_500 * 3_500 - 52_500 - 500 * 2_880
    assert chain.cash("niran") == CASH - 1_500 * 3_500 + 500 * 2_880
