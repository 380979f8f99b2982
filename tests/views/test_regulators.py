"""What voters and regulators are told, over real stores."""

from datetime import date, timedelta

import pytest

from consensus import signing
from gtxnode.ledger import wallet
from gtxnode.ledger.authority.compliance import ComplianceRules
from gtxnode.ledger.authority.halts import OfMarket, OfTrader
from gtxnode.ledger.authority.mandates import MANDATES
from gtxnode.ledger.bodies import Halt, Lift
from gtxnode.ledger.market.usage import UsageLimit
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.ledger.registry.amendments import FIXED, Change
from gtxnode.ledger.registry.votes import Choice
from gtxnode.primitives.addresses import address_of
from gtxnode.primitives.zones import Role, Zone
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.wire import Address
from gtxnode.tariffs.calendar import local_day
from gtxnode.views.accounts import AccountsView
from gtxnode.views.compliance import ComplianceView
from gtxnode.views.governance import GovernanceView
from tests.chain.registry import ADDRESS, EPOCH, FOUNDER, PARAMETERS, PUBLIC, Registry

ERC = b"\x09" * 32
LIMIT = UsageLimit("evening_peak", 18 * 60, 22 * 60, 100_000)
REGULATED = ChainParameters(
    zones=(Zone.BANGKOK,),
    authorities=(Authority(Role.ERC, signing.public_key(ERC)),),
    staking=PARAMETERS.staking,
    governance=PARAMETERS.governance,
    compliance=ComplianceRules(usage_limits=(LIMIT,)),
    registry=True,
)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def regulated() -> Registry:
    return Registry(REGULATED)


async def test_a_proposal_is_shown_at_every_stage(registry: Registry) -> None:
    view = GovernanceView("func_governance", registry.store)
    assert (await view.proposals(before=None, limit=5)).proposals == ()
    with pytest.raises(NotFound):
        await view.proposal(1)
    founder, fee = address_of(PUBLIC[FOUNDER]), 1_000
    registry.add(wallet.pay(ADDRESS, registry.cash(), founder, 10 * fee, fee))
    change = Change("min_fee_ugtx", "1500")
    registry.add(wallet.propose(ADDRESS, registry.cash(), "Fee", [change], 10, fee))
    balance = await AccountsView("func_governance", registry.store).balance(ADDRESS)
    assert balance.money_in_proposals_ugtx == 10
    assert balance.money_ugtx + 10 * fee + 2 * fee + 10 == 10**9
    waiting = await view.proposal(1)
    assert (waiting.status, waiting.tally, waiting.changes[0].replaces) == ("waiting", None, "1000")
    with pytest.raises(NotFound):
        await view.votes(1)
    registry.to_next_epoch()
    assert (await view.votes(1)).votes[0].choice is None
    vote = wallet.vote(founder, registry.cash(founder), 1, PUBLIC[FOUNDER], Choice.YES, fee)
    registry.add(vote, by=FOUNDER)
    voting = await view.proposal(1)
    assert voting.tally is not None
    assert (voting.status, voting.tally.yes_ugtx) == ("voting", 1_000)
    assert voting.tally.is_approved
    assert [each.choice for each in (await view.votes(1)).votes] == ["yes"]
    before = await view.in_force()
    assert (before.version, before.proposal, before.since_height) == (0, None, 1)
    registry.to_next_epoch()
    assert (await view.proposal(1)).status == "enacted"
    after = await view.in_force()
    assert (after.version, after.proposal) == (1, 1)
    assert after.since_height == registry.store.tip.height + 1 == after.epoch * EPOCH + 1
    assert after.parameters["min_fee_ugtx"] == "1500"
    assert set(after.fixed) == set(FIXED)


async def test_proposals_come_in_pages_newest_first(registry: Registry) -> None:
    view = GovernanceView("func_governance", registry.store)
    for fee in range(1_001, 1_006):
        change = Change("min_fee_ugtx", str(fee))
        registry.add(wallet.propose(ADDRESS, registry.cash(), "Fee", [change], 10, 1_000))
    first = await view.proposals(before=None, limit=2)
    assert ([each.number for each in first.proposals], first.next) == ([5, 4], 4)
    second = await view.proposals(before=first.next, limit=3)
    assert ([each.number for each in second.proposals], second.next) == ([3, 2, 1], None)
    beyond = await view.proposals(before=99, limit=1)
    assert [each.number for each in beyond.proposals] == [5]


async def test_halts_acts_and_violations_are_told(regulated: Registry) -> None:
    view = ComplianceView("func_governance", regulated.store)
    told = await view.mandates()
    assert {each.kind for each in told.mandates} >= {"halt", "lift", "register_meter"}
    assert len(told.mandates) == len(MANDATES)
    assert [(each.role, bytes(each.public_keys[0])) for each in told.authorities] == [
        ("ERC", signing.public_key(ERC))
    ]
    until_s = regulated.store.tip.time_ms // 1_000 + 3_600
    regulated.add(Halt(OfTrader(ADDRESS), until_s, "Inquiry", 1), by=ERC)
    regulated.add(Halt(OfMarket(Zone.BANGKOK, 900), until_s, "Repair", 2), by=ERC)
    trader, market = (await view.halts()).halts
    assert (trader.trader, trader.cause) == (Address(ADDRESS), "Inquiry")
    assert (market.zone, market.product, market.role) == ("bangkok", "forward-15m", "ERC")
    buy = wallet.buy(ADDRESS, regulated.cash(), 1_000, 3_500)
    regulated.add_any(buy)
    regulated.add_any(Lift(OfTrader(ADDRESS), 5))
    acts = await view.acts(after=None, limit=1)
    assert [(each.kind, each.role, each.height) for each in acts.acts] == [("halt", "ERC", 1)]
    rest = await view.acts(after=acts.next, limit=5)
    assert ([each.height for each in rest.acts], rest.next) == ([2], None)

    async def rules(**wanted: object) -> list[str]:
        page = await view.violations(
            **{"after": None, "limit": 9, "address": None, "rule": None, **wanted}  # type: ignore[arg-type]
        )
        return [each.rule for each in page.violations]

    assert await rules() == ["halted", "not_authorised"]
    assert await rules(address=ADDRESS, rule="halted") == ["halted"]
    assert await rules(address=b"\x00" * 20) == []
    page = await view.violations(after=None, limit=1, address=None, rule=None)
    assert await rules(after=page.next) == ["not_authorised"]


async def test_a_report_is_had_of_any_day_that_has_begun(regulated: Registry) -> None:
    view = ComplianceView("func_governance", regulated.store)
    regulated.add(wallet.pay(ADDRESS, regulated.cash(), ADDRESS, 5, 1_000))
    today = local_day(regulated.store.tip.time_ms // 1_000)
    told = await view.report(today)
    assert (told.transactions, told.fees_ugtx, told.is_over) == (1, 1_000, False)
    assert [(each.name, each.number) for each in told.kinds] == [("transfer", 1)]
    assert told.closing.gtx_supply_ugtx == regulated.store.supply().gtx_ugtx
    before = await view.report(today - timedelta(days=1))
    assert (before.transactions, before.is_over, before.closing) == (0, True, told.opening)
    assert (await view.report(date.min)).closing == told.opening
    with pytest.raises(NotFound):
        await view.report(today + timedelta(days=1))


async def test_limits_of_use_are_told(regulated: Registry) -> None:
    (limit,) = (await ComplianceView("x", regulated.store).usage(ADDRESS)).limits
    assert (limit.limit, limit.max_wh, limit.bought_wh) == ("evening_peak", 100_000, 0)
    assert limit.end_s - limit.start_s == 4 * 3_600
