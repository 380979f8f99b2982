"""Transfers and retirements: what balances, what does not, and who is paid the fee."""

import pytest

from gtxnode.ledger import wallet
from gtxnode.ledger.bodies import Retire, Transfer
from gtxnode.ledger.bodies.fields import Output
from gtxnode.ledger.coins import Cash, Energy, Origin, fees_coin_id, supply_coin_id
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.sources import Source
from gtxnode.primitives.zones import Zone
from tests.ledger.little_chain import (
    CHAIN,
    FEE,
    GTX,
    KWH,
    LittleChain,
    address,
    private_key,
    reasons,
    signed,
)

SUN = Origin(Zone.BANGKOK, Source.SOLAR, 0, 1, bytes(16))


@pytest.fixture
def chain() -> LittleChain:
    chain = LittleChain("somchai", "malee")
    chain.export("somchai", 10 * KWH)
    return chain


def inputs_of(
    chain: LittleChain, name: str, *kinds: type[Cash] | type[Energy]
) -> tuple[bytes, ...]:
    return tuple(coin_id for kind in kinds for coin_id, _ in chain.coins(name, kind))


def test_a_payment_moves_money_and_pays_the_proposer(chain: LittleChain) -> None:
    cash = chain.cash("somchai")
    body = wallet.pay(
        address("somchai"), chain.coins("somchai", Cash), address("malee"), 5 * GTX, FEE, b"rent"
    )
    outcome = chain.accepted(signed(body, "somchai"))
    assert chain.cash("somchai") == cash - 5 * GTX - FEE
    assert chain.cash("malee") == cash + 5 * GTX
    assert outcome.fees_ugtx == chain.cash("proposer") == FEE
    assert chain.coin(fees_coin_id(CHAIN, chain.height)) == Cash(address("proposer"), FEE)


def test_the_fees_of_a_block_are_one_coin(chain: LittleChain) -> None:
    first = wallet.pay(address("somchai"), chain.coins("somchai", Cash), address("malee"), GTX, FEE)
    second = wallet.pay(
        address("malee"), chain.coins("malee", Cash), address("somchai"), GTX, 2 * FEE
    )
    chain.accepted(signed(first, "somchai"), signed(second, "malee"))
    assert [coin.amount_ugtx for _, coin in chain.coins("proposer", Cash)] == [3 * FEE]


def test_what_a_block_made_it_can_spend(chain: LittleChain) -> None:
    first = wallet.pay(
        address("somchai"), chain.coins("somchai", Cash), address("niran"), 5 * GTX, FEE
    )
    paid = signed(first, "somchai")
    coin_id = paid.id + b"\x00\x00"
    second = wallet.pay(
        address("niran"), [(coin_id, Cash(address("niran"), 5 * GTX))], address("malee"), GTX, FEE
    )
    outcome = chain.accepted(paid, signed(second, "niran"))
    assert coin_id not in outcome.made
    assert coin_id not in outcome.spent
    assert chain.cash("niran") == 4 * GTX - FEE


def test_a_coin_is_spent_once(chain: LittleChain) -> None:
    coins = chain.coins("somchai", Cash)
    first = signed(wallet.pay(address("somchai"), coins, address("malee"), GTX, FEE), "somchai")
    again = signed(wallet.pay(address("somchai"), coins, address("niran"), GTX, FEE), "somchai")
    outcome = chain.block(first, again, first)
    assert reasons(outcome.receipts) == [None, Reason.UNKNOWN_COIN, Reason.ALREADY_EXECUTED]
    assert chain.refused(first) is Reason.UNKNOWN_COIN


def test_a_refused_transaction_may_take_effect_later_in_the_block(chain: LittleChain) -> None:
    paid = signed(
        wallet.pay(
            address("somchai"), chain.coins("somchai", Cash), address("niran"), 5 * GTX, FEE
        ),
        "somchai",
    )
    coin = (paid.id + b"\x00\x00", Cash(address("niran"), 5 * GTX))
    on = signed(wallet.pay(address("niran"), [coin], address("malee"), GTX, FEE), "niran")
    outcome = chain.block(on, paid, on)
    assert reasons(outcome.receipts) == [Reason.UNKNOWN_COIN, None, None]


def test_both_assets_move_at_once_with_all_owners_signatures(chain: LittleChain) -> None:
    (energy_id, energy) = chain.coins("somchai", Energy)[0]
    (cash_id, cash) = chain.coins("malee", Cash)[0]
    swap = Transfer(
        (energy_id, cash_id),
        (
            Energy(address("malee"), energy.amount_wh, energy.origin),
            Cash(address("somchai"), 30 * GTX),
            Cash(address("malee"), cash.amount_ugtx - 30 * GTX - FEE),
        ),
    )
    assert chain.refused(signed(swap, "somchai")) is Reason.NOT_OWNER
    assert chain.refused(signed(swap, "malee")) is Reason.NOT_OWNER
    chain.accepted(signed(swap, "somchai", "malee"))
    assert chain.energy("malee") == 10 * KWH


def test_a_witness_too_many_does_no_harm(chain: LittleChain) -> None:
    body = wallet.pay(address("somchai"), chain.coins("somchai", Cash), address("malee"), GTX, FEE)
    chain.accepted(signed(body, "somchai", "a stranger"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (0, None),
        (-1, None),
        (1, Reason.FEE_TOO_LOW),
        (FEE, Reason.FEE_TOO_LOW),
        (FEE + 1, Reason.OVERSPENT),
    ],
)
def test_inputs_less_outputs_are_the_fee(
    chain: LittleChain, change: int, reason: Reason | None
) -> None:
    inputs = inputs_of(chain, "somchai", Cash)
    amount = chain.cash("somchai") - FEE + change
    transaction = signed(Transfer(inputs, (Cash(address("malee"), amount),)), "somchai")
    (receipt,) = chain.execute(transaction).receipts
    assert receipt.reason is reason


@pytest.mark.parametrize("given", ["more", "less", "none", "another origin"])
def test_energy_balances_by_origin(chain: LittleChain, given: str) -> None:
    (_, energy) = chain.coins("somchai", Energy)[0]
    malee = address("malee")
    outputs: dict[str, tuple[Output, ...]] = {
        "more": (Energy(malee, energy.amount_wh + 1, energy.origin),),
        "less": (Energy(malee, energy.amount_wh - 1, energy.origin),),
        "none": (),
        "another origin": (Energy(malee, energy.amount_wh, SUN),),
    }
    cash = Cash(address("somchai"), chain.cash("somchai") - FEE)
    body = Transfer(inputs_of(chain, "somchai", Cash, Energy), (*outputs[given], cash))
    assert chain.refused(signed(body, "somchai")) is Reason.UNBALANCED_ENERGY


def test_energy_cannot_be_made_of_cash(chain: LittleChain) -> None:
    cash = Cash(address("somchai"), chain.cash("somchai") - FEE)
    body = Transfer(inputs_of(chain, "somchai", Cash), (cash, Energy(address("somchai"), 1, SUN)))
    assert chain.refused(signed(body, "somchai")) is Reason.UNBALANCED_ENERGY
    retire = Retire(body.inputs, body.outputs, address("somchai"))
    assert chain.refused(signed(retire, "somchai")) is Reason.UNBALANCED_ENERGY


def test_giving_energy_keeps_its_origin(chain: LittleChain) -> None:
    (_, energy) = chain.coins("somchai", Energy)[0]
    body = wallet.give_energy(
        address("somchai"),
        chain.coins("somchai", Energy),
        chain.coins("somchai", Cash),
        address("malee"),
        4 * KWH,
        FEE,
    )
    chain.accepted(signed(body, "somchai"))
    assert [c.origin for _, c in chain.coins("malee", Energy)] == [energy.origin]
    assert (chain.energy("malee"), chain.energy("somchai")) == (4 * KWH, 6 * KWH)


def test_retiring_consumes_energy_in_the_consumers_name(chain: LittleChain) -> None:
    body = wallet.retire(
        address("somchai"),
        chain.coins("somchai", Energy),
        chain.coins("somchai", Cash),
        4 * KWH,
        FEE,
        consumer=address("malee"),
    )
    outcome = chain.accepted(signed(body, "somchai"))
    (retirement,) = outcome.retirements
    assert retirement.consumer == address("malee")
    assert [lot.amount_wh for lot in retirement.lots] == [4 * KWH]
    assert outcome.retired_wh == chain.supply().retired_wh == 4 * KWH
    assert chain.energy("somchai") == 6 * KWH


def test_retiring_nothing_is_refused(chain: LittleChain) -> None:
    (_, energy) = chain.coins("somchai", Energy)[0]
    outputs = (energy, Cash(address("somchai"), chain.cash("somchai") - FEE))
    body = Retire(inputs_of(chain, "somchai", Cash, Energy), outputs, address("somchai"))
    assert chain.refused(signed(body, "somchai")) is Reason.NOTHING_RETIRED


def test_a_retirement_pays_its_fee(chain: LittleChain) -> None:
    body = Retire(inputs_of(chain, "somchai", Energy), (), address("somchai"))
    assert chain.refused(signed(body, "somchai")) is Reason.FEE_TOO_LOW


def test_meters_orders_and_totals_are_not_given_away(chain: LittleChain) -> None:
    order = chain.sell("somchai", KWH, 3_500)
    chain.accepted(order)
    meter = next(i for i, c in chain.all_coins() if c == chain.meter("somchai"))
    for coin_id in (meter, order.id + b"\x00\x00", supply_coin_id(CHAIN)):
        body = Transfer((coin_id,), (Cash(address("somchai"), 1),))
        assert chain.refused(signed(body, "somchai")) is Reason.WRONG_COIN_KIND


def test_the_wallet_says_what_is_missing(chain: LittleChain) -> None:
    with pytest.raises(wallet.InsufficientFunds) as caught:
        wallet.sell(address("somchai"), chain.coins("somchai", Energy), 11 * KWH, 3_500)
    assert (caught.value.need, caught.value.have) == (11 * KWH, 10 * KWH)
    with pytest.raises(wallet.InsufficientFunds):
        wallet.pay(address("niran"), [], address("malee"), 1, FEE)


def test_the_same_key_twice_signs_once() -> None:
    body = Transfer((bytes(34),), (Cash(address("malee"), 1),))
    key = private_key("somchai")
    assert len(wallet.sign(CHAIN, body, key, key).signers) == 1
