"""Contracts handed on to another buyer."""

import msgspec
import pytest

from gtxnode.ledger import wallet
from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.authority.halts import OfTrader
from gtxnode.ledger.bodies import AssignContract, GrantLicence, Halt
from gtxnode.ledger.coins import Cash
from gtxnode.ledger.market.usage import UsageLimit
from gtxnode.ledger.parameters import OrderLimits
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason
from gtxnode.primitives.zones import Zone
from tests.ledger.forward_chain import NOON, ForwardChain
from tests.ledger.little_chain import FEE, GTX, HOUR_S, KWH, PARAMETERS, address, signed

PEOPLE = ("malee", "niran", "somchai", "suda")
CASH = 1_000 * GTX


@pytest.fixture
def chain() -> ForwardChain:
    """Niran has bought 4 kWh of Malee's quarter of an hour at 3.5."""
    return sold_to_niran(ForwardChain(*PEOPLE, cash_ugtx=CASH))


def sold_to_niran(chain: ForwardChain) -> ForwardChain:
    chain.accepted(chain.offer("malee", 4 * KWH, 3_500), chain.bid("niran", 4 * KWH, 3_500))
    return chain


def assign(
    chain: ForwardChain, to: str, by: str = "niran", contract: bytes | None = None
) -> CheckedTransaction:
    """Of the contract that there is."""
    (known,) = chain.orders.forwards.within(0, 2**40)
    body = wallet.assign_contract(
        address(by), chain.coins(by, Cash), contract or known, address(to), FEE
    )
    return signed(body, by)


def test_the_new_buyer_gets_the_energy_and_what_is_locked(chain: ForwardChain) -> None:
    outcome = chain.accepted(assign(chain, "somchai"))
    (handed_on,) = outcome.assignments
    assert (handed_on.contract.buyer, handed_on.to) == (address("niran"), address("somchai"))
    (contract,) = chain.contracts()
    assert contract == msgspec.structs.replace(handed_on.contract, buyer=address("somchai"))
    assert contract.buyer_zone is Zone.BANGKOK
    chain.restart()
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    chain.until(NOON + 900)
    chain.accepted(chain.read_to("malee", NOON + 900, 3 * KWH))
    assert chain.energy("somchai") == 3 * KWH
    assert chain.energy("niran") == 0
    assert chain.cash("somchai") == CASH + KWH * 6_380
    assert chain.cash("niran") == CASH - 14 * GTX - FEE
    assert chain.contracts() == []


def test_what_was_delivered_stays_the_first_buyers(chain: ForwardChain) -> None:
    chain.until(NOON)
    chain.accepted(chain.read_to("malee", NOON, 0))
    chain.until(NOON + 450)
    chain.accepted(chain.read_to("malee", NOON + 450, KWH))
    chain.accepted(assign(chain, "somchai"))
    chain.until(NOON + 900)
    chain.accepted(chain.read_to("malee", NOON + 900, 3 * KWH))
    assert (chain.energy("niran"), chain.energy("somchai")) == (KWH, 3 * KWH)


def test_a_contract_may_be_handed_on_again_and_back(chain: ForwardChain) -> None:
    chain.accepted(assign(chain, "somchai"))
    assert chain.refused(assign(chain, "suda")) is Reason.NOT_OWNER
    chain.accepted(assign(chain, "niran", by="somchai"))
    (contract,) = chain.contracts()
    assert contract.buyer == address("niran")


def test_who_may_hand_on_what_to_whom(chain: ForwardChain) -> None:
    assert chain.refused(assign(chain, "niran")) is Reason.WRONG_HOLDER
    assert chain.refused(assign(chain, "malee")) is Reason.WRONG_HOLDER
    assert chain.refused(assign(chain, "suda", by="malee")) is Reason.NOT_OWNER
    unknown = assign(chain, "suda", contract=bytes(32))
    assert chain.refused(unknown) is Reason.UNKNOWN_CONTRACT
    body = assign(chain, "suda").body
    assert isinstance(body, AssignContract)
    cheap = msgspec.structs.replace(body, outputs=(*body.outputs, Cash(address("niran"), 1)))
    assert chain.refused(signed(cheap, "niran")) is Reason.FEE_TOO_LOW
    chain.until(NOON + 900)
    late = assign(chain, "suda")
    chain.accepted(chain.read_to("malee", NOON + 900, 0))
    assert chain.contracts() == []
    assert chain.refused(late) is Reason.UNKNOWN_CONTRACT


def test_the_new_holder_is_held_against_what_a_buyer_is() -> None:
    limit = UsageLimit("all_day", 0, 24 * 60, 6 * KWH)
    parameters = msgspec.structs.replace(
        PARAMETERS,
        orders=OrderLimits(licence_over_wh=3 * KWH),
        compliance=ComplianceRules(usage_limits=(limit,)),
    )
    chain = ForwardChain(*PEOPLE, cash_ugtx=CASH, parameters=parameters)
    for name in ("malee", "niran"):
        body = GrantLicence(chain.now_s * 1_000 + 1, address(name), 9 * KWH, chain.now_s + HOUR_S)
        chain.accepted(signed(body, "ERC"))
    sold_to_niran(chain)
    assert chain.refused(assign(chain, "somchai")) is Reason.NO_LICENCE
    body = GrantLicence(chain.now_s * 1_000 + 1, address("somchai"), 9 * KWH, chain.now_s + HOUR_S)
    chain.accepted(signed(body, "ERC"))
    mine = chain.bid("somchai", 2 * KWH + 1, 3_000)
    chain.accepted(mine)
    assert chain.refused(assign(chain, "somchai")) is Reason.USAGE_LIMIT
    chain.accepted(chain.change("somchai", mine, 2 * KWH, 3_000))
    chain.accepted(assign(chain, "somchai"))
    # It has bought for it now, and the first buyer's is not given back.
    assert chain.refused(chain.bid("somchai", 101, 3_000)) is Reason.USAGE_LIMIT
    assert chain.refused(chain.bid("niran", 2 * KWH + 1, 3_000)) is Reason.USAGE_LIMIT


@pytest.mark.parametrize("halted", ["niran", "somchai"])
def test_nobody_hands_on_under_a_halt(chain: ForwardChain, halted: str) -> None:
    scope, until_s = OfTrader(address(halted)), chain.now_s + HOUR_S
    halt = Halt(scope, until_s, "under inquiry", chain.now_s * 1_000)
    chain.accepted(signed(halt, "ERC"))
    assert chain.refused(assign(chain, "somchai")) is Reason.HALTED
