"""What a block's record says became of orders, and what it keeps to itself."""

import pytest

from gtxnode.chain.records import RECORD, OrderChange, OrderRecord, record_block
from gtxnode.ledger.bodies import Cancel, GrantLicence
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Terms
from tests.ledger.little_chain import KWH, LittleChain, address, signed


@pytest.fixture
def chain() -> LittleChain:
    chain = LittleChain("somchai", "suda", "malee", "niran")
    chain.export("somchai", 500 * KWH)
    chain.export("suda", 500 * KWH)
    return chain


def orders_of(
    chain: LittleChain, *transactions: CheckedTransaction, after_s: int = 1
) -> dict[bytes, OrderRecord]:
    outcome = chain.block(*transactions, after_s=after_s)
    assert all(receipt.ok for receipt in outcome.receipts)
    record = record_block(chain.height, bytes(32), transactions, outcome)
    assert RECORD.decode(RECORD.encode(record)) == record
    return {order.id: order for order in record.orders}


def test_opened_traded_amended_filled_cancelled_expired(chain: LittleChain) -> None:
    sell = chain.sell("somchai", 100 * KWH, 3_500)
    opened = orders_of(chain, sell)[sell.id]
    assert (opened.change, opened.remaining_wh) == (OrderChange.OPENED, 100 * KWH)
    buy = chain.buy("malee", 10 * KWH, 3_500)
    changes = orders_of(chain, buy)
    assert (changes[sell.id].change, changes[sell.id].remaining_wh) == (
        OrderChange.TRADED,
        90 * KWH,
    )
    assert (changes[buy.id].change, changes[buy.id].remaining_wh) == (OrderChange.FILLED, 0)
    amended = orders_of(chain, chain.amend("somchai", sell, 50 * KWH, 3_500))[sell.id]
    assert (amended.change, amended.remaining_wh) == (OrderChange.AMENDED, 50 * KWH)
    cancel = signed(Cancel(sell.id), "somchai")
    assert orders_of(chain, cancel)[sell.id].change is OrderChange.CANCELLED
    other = chain.sell("suda", 1 * KWH, 3_500)
    chain.accepted(other)
    assert orders_of(chain, after_s=86_400)[other.id].change is OrderChange.EXPIRED


def test_what_an_immediate_order_did_not_trade_was_cancelled(chain: LittleChain) -> None:
    chain.accepted(chain.sell("somchai", 10 * KWH, 3_500))
    part = chain.buy("malee", 15 * KWH, 3_500, immediate=True)
    assert orders_of(chain, part)[part.id].change is OrderChange.CANCELLED
    chain.accepted(chain.sell("suda", 10 * KWH, 3_500))
    whole = chain.buy("niran", 10 * KWH, 3_500, immediate=True)
    assert orders_of(chain, whole)[whole.id].change is OrderChange.FILLED


def test_an_order_that_brings_another_to_trade_is_filled_in_the_same_block(
    chain: LittleChain,
) -> None:
    whole = chain.buy("malee", 100 * KWH, 3_500, terms=Terms(all_or_none=True))
    first = chain.sell("somchai", 60 * KWH, 3_500)
    chain.accepted(whole, first)
    second = chain.sell("suda", 40 * KWH, 3_500)
    changes = orders_of(chain, second)
    assert {change.change for change in changes.values()} == {OrderChange.FILLED}
    assert set(changes) == {whole.id, first.id, second.id}


def test_reserves_and_preferences_are_not_told(chain: LittleChain) -> None:
    iceberg = chain.sell("somchai", 100 * KWH, 3_500, terms=Terms(display_wh=10 * KWH))
    for_niran = chain.sell("suda", 5 * KWH, 3_500, terms=Terms(partner=address("niran")))
    changes = orders_of(chain, iceberg, for_niran)
    assert changes[iceberg.id].remaining_wh == 10 * KWH
    plain = chain.sell("suda", 5 * KWH, 3_500)
    hidden, told = changes[for_niran.id], orders_of(chain, plain)[plain.id]
    assert (hidden.side, hidden.remaining_wh) == (told.side, told.remaining_wh)
    traded = orders_of(chain, chain.buy("malee", 4 * KWH, 3_500))[iceberg.id]
    assert traded.remaining_wh == 6 * KWH


def test_a_licence_touches_its_holder(chain: LittleChain) -> None:
    grant = GrantLicence(chain.now_s * 1_000, address("malee"), 1, chain.now_s + 100)
    signed_grant = signed(grant, "ERC")
    outcome = chain.accepted(signed_grant)
    record = record_block(chain.height, bytes(32), (signed_grant,), outcome)
    assert address("malee") in record.transactions[0].addresses
