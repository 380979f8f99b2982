"""The open orders beside the book: expiries and counts do not outlive their orders."""

from gtxnode.ledger.coins import BuyOrder
from gtxnode.ledger.market.open_orders import OpenOrders

TRADER = bytes(20)


def order_id(number: int) -> bytes:
    return number.to_bytes(32, "big")


def order(expires_s: int) -> BuyOrder:
    return BuyOrder(TRADER, 3_500, 1_000, expires_s, 1, 0)


def test_the_earliest_expiry_comes_first_and_ties_go_by_id() -> None:
    orders = OpenOrders()
    for number, expires_s in ((3, 20), (2, 10), (1, 20), (4, 30)):
        orders.place(order_id(number), order(expires_s))
    gone = []
    while (expired := orders.next_expired(20_999)) is not None:
        gone.append(expired)
        orders.cancel(expired, TRADER)
    assert gone == [order_id(2), order_id(1), order_id(3)]
    assert (len(orders), orders.count(TRADER)) == (1, 1)


def test_closed_orders_do_not_pile_up() -> None:
    orders = OpenOrders()
    for number in range(20_000):
        orders.place(order_id(number), order(10**9))
        if number >= 10:
            orders.cancel(order_id(number - 10), TRADER)
    assert len(orders) == len(orders.book) == 10
    assert len(orders._expiries._heap) < 2_000
    assert orders.next_expired(10**9 * 1_000) == order_id(19_990)


def test_an_id_that_comes_again_expires_by_its_new_time() -> None:
    orders = OpenOrders()
    orders.place(order_id(1), order(10))
    orders.cancel(order_id(1), TRADER)
    orders.place(order_id(1), order(20))
    assert orders.next_expired(10_000) is None
    assert orders.next_expired(20_000) == order_id(1)
