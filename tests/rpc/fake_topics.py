"""Topics of a node in memory: what voters and regulators ask, answered once and for all."""

from __future__ import annotations

from datetime import date

import msgspec

from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.compliance import (
    ActPage,
    ActView,
    CountView,
    HaltsView,
    HaltView,
    MandatesView,
    MandateView,
    ReportView,
    TotalsView,
    UsagesView,
    UsageView,
    ViolationPage,
    ViolationView,
)
from gtxnode.rpc.views.governance import (
    ChangeView,
    InForceView,
    ProposalPage,
    ProposalView,
    TallyView,
    VotesView,
    VoteView,
)
from gtxnode.rpc.wire import Address, Amount, Hex

BOB = Address(b"\x02" * 20)
PROPOSAL = ProposalView(
    number=1,
    transaction=Hex(b"\x07" * 32),
    proposer=BOB,
    title="Twice the fee",
    changes=(ChangeView("min_fee_ugtx", "2000", "1000"),),
    status="voting",
    deposit_ugtx=Amount(50_000_000),
    proposed_height=1,
    voting_epoch=2,
    last_voting_epoch=3,
    activation_epoch=5,
    quorum_ppm=600_000,
    approval_ppm=600_000,
    tally=TallyView(Amount(60), Amount(0), Amount(0), Amount(100), True, True),
)
IDLE = TotalsView(
    *(Amount(9_000), Amount(0), Amount(9_000), Amount(0), Amount(0)),
    *(Amount(5), Amount(0), Amount(0), Amount(0), Amount(0)),
)
REPORT = ReportView(
    shard="geo_bangkok",
    chain_id="test-geo_bangkok",
    day="2026-11-21",
    is_over=True,
    opening=IDLE,
    closing=msgspec.structs.replace(IDLE, minted_wh=Amount(9_100), outstanding_wh=Amount(9_100)),
    minted_wh=Amount(100),
    retired_wh=Amount(0),
    burned_ugtx=Amount(0),
    rewarded_ugtx=Amount(0),
    fees_ugtx=Amount(1_000),
    trading_fees_ugtx=Amount(0),
    trades=1,
    traded_wh=Amount(50_000),
    traded_ugtx=Amount(175_000_000),
    forward_trades=0,
    forward_wh=Amount(0),
    forward_ugtx=Amount(0),
    delivered_wh=Amount(0),
    delivered_ugtx=Amount(0),
    short_wh=Amount(0),
    short_ugtx=Amount(0),
    curtailments=0,
    curtailed_wh=Amount(0),
    compensated_ugtx=Amount(0),
    lost_wh=Amount(0),
    wires_ugtx=Amount(0),
    premiums_ugtx=Amount(0),
    credits_issued_mgco2e=Amount(0),
    credits_retired_mgco2e=Amount(0),
    expired_orders=0,
    cancelled_orders=0,
    transactions=4,
    refused=1,
    kinds=(CountView("reading", 1), CountView("place_sell", 3)),
    acts=(),
    directives=(),
    violations=(CountView("halted", 1),),
)


class FakeGovernance:
    """Implements `backend.Governance`: one proposal is voted on."""

    async def in_force(self) -> InForceView:
        parameters = {"min_fee_ugtx": "1000", "governance": {"deposit_ugtx": "50000000"}}
        return InForceView("geo_bangkok", 0, 0, 0, 1, None, parameters, ("zones",))

    async def proposals(self, *, before: int | None, limit: int) -> ProposalPage:
        return ProposalPage(1, 2, (PROPOSAL,), None)

    async def proposal(self, number: int) -> ProposalView:
        if number != PROPOSAL.number:
            raise NotFound(f"proposal {number}")
        return PROPOSAL

    async def votes(self, number: int) -> VotesView:
        vote = VoteView(Hex(b"\x02" * 33), BOB, Amount(60_000_000), "yes")
        return VotesView(1, number, 0, (vote,))


class FakeCompliance:
    """Implements `backend.Compliance`: one of each."""

    def __init__(self, shard: str) -> None:
        self.shard = shard

    async def mandates(self) -> MandatesView:
        return MandatesView("geo_bangkok", 1, (MandateView("halt", ("EGAT", "ERC"), False),), ())

    async def halts(self) -> HaltsView:
        halt = HaltView(None, "bangkok", "spot", "EGAT", 1, 2, "Blackout", "registry")
        return HaltsView(1, 1_000, (halt,))

    async def acts(self, *, after: int | None, limit: int) -> ActPage:
        act = ActView(1, 1, 1_000, Hex(b"\x07" * 32), "halt", "EGAT", Hex(b"\x01"))
        return ActPage(1, (act,), None)

    async def violations(
        self, *, after: int | None, limit: int, address: bytes | None, rule: str | None
    ) -> ViolationPage:
        found = ViolationView(
            1, 1, 1_000, Hex(b"\x07" * 32), "place_buy", "halted", "by EGAT", (BOB,)
        )
        return ViolationPage(1, (found,) if rule in (None, "halted") else (), None)

    async def usage(self, address: bytes) -> UsagesView:
        limit = UsageView("evening_peak", 1, 2, Amount(100_000), Amount(40_000))
        return UsagesView(1, Address(address), (limit,))

    async def report(self, day: date) -> ReportView:
        if day.year > 2026:
            raise NotFound(f"{day} has not begun on this chain")
        return msgspec.structs.replace(REPORT, shard=self.shard, day=day.isoformat())
