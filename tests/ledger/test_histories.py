"""Random histories: whatever people, meters and cheats send, nothing is made or lost.

`LittleChain` holds every block against the invariants (money, energy, book, root); these tests
only think of what to send. A history is a list of small integers, so a failure shrinks well.
"""

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Body, Cancel, Retire, Transfer, TransferMeter
from gtxnode.ledger.coins import Cash, Credit, Energy, Order, order_id_of
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.parameters import ChainParameters, OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.market import Terms
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    FEE,
    HOUR_S,
    LittleChain,
    address,
    meter_of,
    registration,
    signed,
)

PEOPLE = ("somchai", "malee", "niran")
SHARED = ("join", "treat")
"""What two sign, out of the coins of both."""
LIMITS = OrderLimits(min_wh=1, max_open_per_trader=4, lifetime_s=5 * HOUR_S, trading_fee_ppm=3_000)


class Step(NamedTuple):
    """One thing that someone sends. What the numbers mean depends on the kind."""

    kind: str
    who: int
    whom: int
    amount: int
    price: int


steps = st.builds(
    Step,
    st.sampled_from(
        ["export", "export", "sell", "sell", "sell", "buy", "buy", "buy", "amend", "pay", "give",
         "retire", "cover", "cover", "credits", "use", "cancel", "replay", "forge", "register",
         "merge", "join", "treat", "hand", "hand"]
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 3_000),
    st.integers(0, 3),
)  # fmt: skip
hours = st.tuples(st.lists(steps, min_size=2, max_size=5), st.integers(1, 3))
histories = st.lists(hours, min_size=8, max_size=16)


def transaction(
    chain: LittleChain, step: Step, sent: list[CheckedTransaction]
) -> CheckedTransaction | None:
    """What the step sends, as things stand before the block; None where there is no way to."""
    who = PEOPLE[step.who]
    if step.kind == "export":
        return chain.reading(who, step.amount, step.price * 500)
    if step.kind == "register":
        return signed(registration(f"{who}{step.price}"), "MEA")
    if step.kind == "hand":
        meter = chain.meter(who)
        new = address(PEOPLE[step.whom])
        return signed(TransferMeter(meter.meter, meter.revision + 1, new, meter.end_s), "MEA")
    if step.kind == "replay":
        return sent[step.amount % len(sent)] if sent else None
    try:
        body = body_of(chain, step)
    except wallet.InsufficientFunds:
        return None
    signers = (who, PEOPLE[step.whom]) if step.kind in SHARED and step.who != step.whom else (who,)
    return None if body is None else signed(body, *signers)


def body_of(chain: LittleChain, step: Step) -> Body | None:
    owner, other = address(PEOPLE[step.who]), address(PEOPLE[step.whom])
    cash = chain.coins(PEOPLE[step.who], Cash)
    energy = chain.coins(PEOPLE[step.who], Energy)
    # Sellers ask for a little less than buyers give, on average, so that most orders meet.
    price = 3_000 + 250 * step.price + (250 if step.kind == "buy" else 0)
    match step.kind:
        case "sell":
            return wallet.sell(owner, energy, step.amount, price, **how(step))
        case "buy":
            return wallet.buy(owner, cash, step.amount, price, **how(step))
        case "pay":
            return wallet.pay(owner, cash, other, step.amount * 1_000, FEE)
        case "give":
            return wallet.give_energy(owner, energy, cash, other, step.amount, FEE)
        case "retire":
            return wallet.retire(owner, energy, cash, step.amount, FEE, consumer=other)
        case "cover":
            meter = meter_of(PEOPLE[step.who])
            return wallet.retire(owner, energy, cash, step.amount, FEE, meter=meter)
        case "credits":
            credits = chain.coins(PEOPLE[step.who], Credit)
            return wallet.give_credits(owner, credits, cash, other, step.amount * 300, FEE)
        case "use":
            credits = chain.coins(PEOPLE[step.who], Credit)
            return wallet.retire_credits(
                owner, credits, cash, step.amount * 300, FEE, beneficiary=other
            )
        case "merge":
            total = sum(coin.amount_ugtx for _, coin in cash)
            inputs = tuple(coin_id for coin_id, _ in cash)
            return Transfer(inputs, (Cash(owner, total - FEE),)) if total > FEE else None
        case "join":
            # Both pay, one of them uses up energy of both, and the rest goes to the third.
            both = dict(cash + chain.coins(PEOPLE[step.whom], Cash))
            lots = dict(energy + chain.coins(PEOPLE[step.whom], Energy))
            total = sum(coin.amount_ugtx for coin in both.values()) - FEE
            given = tuple(Energy(other, c.amount_wh, c.origin) for c in list(lots.values())[1:])
            third = address(PEOPLE[step.price % 3])
            if not lots or total <= 0:
                return None
            return Retire((*both, *lots), (Cash(third, total), *given), owner)
        case "treat":
            return wallet.buy(owner, chain.coins(PEOPLE[step.whom], Cash), step.amount, price)
        case "amend":
            own = [
                (i, c) for i, c in chain.all_coins() if isinstance(c, Order) and c.trader == owner
            ]
            if not own:
                return None
            coin_id, order = own[step.whom % len(own)]
            price = order.price_mgtx_per_kwh + 250 * (step.price - 1)
            return wallet.amend(order_id_of(coin_id), order, energy, cash, step.amount, price)
        case "cancel":
            orders = [i for i, c in chain.all_coins() if isinstance(c, Order) and c.trader == other]
            return Cancel(order_id_of(orders[0])) if orders else None
        case "forge":
            victims = chain.coins(PEOPLE[step.whom], Cash)
            return wallet.pay(owner, victims, owner, step.amount, FEE)
    raise AssertionError(step.kind)


def how(step: Step) -> dict[str, Any]:
    """Half of the orders have terms, and some are not to rest; what they say depends on amounts."""
    match step.amount % 12:
        case 0 | 1:
            return {"terms": Terms(all_or_none=True)}
        case 2 | 3:
            return {"terms": Terms(display_wh=max(1, step.amount // 3))}
        case 4:
            return {"terms": Terms(partner=address(PEOPLE[step.whom]))}
        case 5:
            return {"immediate": True}
        case 6:
            return {"immediate": True, "terms": Terms(all_or_none=True)}
        case _:
            return {}


def a_chain() -> LittleChain:
    """Everyone has some money, and some energy from their first hour."""
    parameters = ChainParameters(zones=(Zone.BANGKOK,), orders=LIMITS)
    chain = LittleChain(*PEOPLE, cash_ugtx=20_000_000, parameters=parameters)
    chain.block(after_s=HOUR_S)
    chain.accepted(*[chain.reading(name, 2_000) for name in PEOPLE])
    return chain


def blocks_of(
    chain: LittleChain, history: list[tuple[list[Step], int]]
) -> list[tuple[CheckedTransaction, ...]]:
    """Play a history, checking every block; the blocks that it came to."""
    sent: list[CheckedTransaction] = []
    blocks = []
    for wanted, hours in history:
        chain.now_s += hours * HOUR_S
        block = tuple(t for step in wanted if (t := transaction(chain, step, sent)))
        chain.block(*block)
        sent += block
        blocks.append(block)
    return blocks


@settings(max_examples=80)
@given(histories)
def test_money_and_energy_are_conserved(history: list[tuple[list[Step], int]]) -> None:
    blocks_of(a_chain(), history)


@settings(max_examples=30)
@given(histories, st.lists(steps, max_size=10))
def test_execution_is_deterministic_and_the_same_one_by_one(
    history: list[tuple[list[Step], int]], wanted: list[Step]
) -> None:
    chain, twin = a_chain(), a_chain()
    for block, (_, hours) in zip(blocks_of(chain, history), history, strict=True):
        twin.now_s += hours * HOUR_S
        twin.block(*block)
    assert twin.state_root.root == chain.state_root.root

    chain.now_s = twin.now_s = chain.now_s + HOUR_S
    last = [t for step in wanted if (t := transaction(chain, step, []))]
    assert chain.execute(*last, orders=rebuilt(chain)) == chain.execute(
        *last, orders=rebuilt(chain)
    )
    together = [receipt.ok for receipt in chain.block(*last, after_s=0).receipts]
    twin.block(after_s=0)  # what expires does so before a block's first transaction
    one_by_one = [twin.block(t, after_s=0).receipts[0].ok for t in last]
    assert together == one_by_one
    assert balances(chain) == balances(twin)
    assert list(chain.orders.book.orders()) == list(twin.orders.book.orders())


def rebuilt(chain: LittleChain) -> OpenOrders:
    return OpenOrders.rebuild(chain.all_coins())


def balances(chain: LittleChain) -> dict[str, tuple[int, int]]:
    return {name: (chain.cash(name), chain.energy(name)) for name in (*PEOPLE, "proposer")}
