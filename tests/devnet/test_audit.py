"""Each invariant holds for an honest network, and breaks for the fault it is there to find."""

import msgspec
import pytest

from gtxnode.devnet.audit import (
    BALANCES,
    INVARIANTS,
    KEPT,
    MINTED,
    OUTSTANDING,
    STATE_ROOTS,
    SUPPLY,
    Audit,
    Expected,
    Holdings,
    at_one_height,
    judge,
)
from gtxnode.rpc.client import RpcError
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.views.accounts import BalanceView
from gtxnode.rpc.views.grid import GridStatusView
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.wire import Amount

EXPECTED = Expected(gtx_ugtx=1_000_000, delivered_wh=900, undecided_wh=0, owners=())
HONEST = SupplyView(
    shard="geo_bangkok",
    height=7,
    minted_wh=Amount(900),
    retired_wh=Amount(200),
    outstanding_wh=Amount(700),
    gtx_supply_ugtx=Amount(1_000_000),
    gtx_burned_ugtx=Amount(0),
    gtx_rewarded_ugtx=Amount(0),
    held_wh=Amount(0),
    voided_wh=Amount(0),
    credits_issued_mgco2e=Amount(0),
    credits_retired_mgco2e=Amount(0),
)
HELD = Holdings(energy_wh=700, money_ugtx=1_000_000)


def judged(
    supply: SupplyView = HONEST,
    held: Holdings = HELD,
    expected: Expected = EXPECTED,
    conflicts: tuple[str, ...] = (),
    compared: int = 10,
    lost: tuple[bytes, ...] = (),
) -> Audit:
    """One honest validator, and one that answers as given."""
    return judge(
        expected,
        {"one": HONEST, "two": supply},
        {"one": HELD, "two": held},
        conflicts=conflicts,
        compared=compared,
        lost=lost,
    )


def broken(audit: Audit) -> set[str]:
    assert bool(audit.faults) == (not all(audit.holds.values()))
    return {name for name in INVARIANTS if not audit.holds[name]}


def test_an_honest_network_holds() -> None:
    audit = judged()
    assert broken(audit) == set()
    assert audit.gtx_supply_ugtx == 1_000_000


def test_each_fault_breaks_its_invariant() -> None:
    change = msgspec.structs.replace
    assert broken(judged(change(HONEST, outstanding_wh=Amount(701)))) == {OUTSTANDING}
    more = change(HONEST, minted_wh=Amount(901), outstanding_wh=Amount(701))
    assert broken(judged(more)) == {MINTED, BALANCES}
    printed = change(HONEST, gtx_supply_ugtx=Amount(1_000_001))
    assert broken(judged(printed)) == {SUPPLY}
    assert judged(printed).gtx_supply_ugtx is None
    hidden = change(HONEST, gtx_supply_ugtx=Amount(999_990))
    assert broken(judged(hidden)) == {SUPPLY}
    stated = change(hidden, gtx_burned_ugtx=Amount(10))
    assert broken(judged(stated, Holdings(700, 999_990))) == set()
    assert broken(judged(stated)) == {BALANCES}
    rewarded = change(printed, gtx_rewarded_ugtx=Amount(1))
    assert broken(judged(rewarded, Holdings(700, 1_000_001))) == set()
    assert broken(judged(held=Holdings(699, 1_000_000))) == {BALANCES}
    assert broken(judged(held=Holdings(700, 999_999))) == {BALANCES}
    assert broken(judged(conflicts=("state root at 5",))) == {STATE_ROOTS}
    assert broken(judged(lost=(bytes(32),))) == {KEPT}


def test_agreement_is_not_claimed_where_nothing_was_compared() -> None:
    assert broken(judged(compared=0)) == {STATE_ROOTS}


@pytest.mark.parametrize(
    ("minted", "holds"), [(899, False), (900, True), (950, True), (951, False)]
)
def test_readings_on_their_way_may_or_may_not_be_in(minted: int, holds: bool) -> None:
    supply = msgspec.structs.replace(
        HONEST, minted_wh=Amount(minted), outstanding_wh=Amount(minted - 200)
    )
    expected = Expected(gtx_ugtx=1_000_000, delivered_wh=900, undecided_wh=50, owners=())
    audit = judged(supply, Holdings(minted - 200, 1_000_000), expected)
    assert audit.holds[MINTED] is holds


class Moving:
    """A client of a validator on which a block moves money between two owners, once."""

    def __init__(self) -> None:
        self.height = 7
        self.purses = {b"\x01" * 20: 600_000, b"\x02" * 20: 400_000}
        self.asked = 0
        self.fund_ugtx: int | None = None

    async def ask(self, kind: type[object], method: str, **params: object) -> object:
        if method == "ledger.supply":
            return msgspec.structs.replace(HONEST, height=self.height)
        if method == "grid.status":
            if self.fund_ugtx is None:
                raise RpcError(ErrorCode.NOT_FOUND, "Not found", "grid is not known")
            return GridStatusView("geo_bangkok", self.height, 0, (), Amount(self.fund_ugtx))
        assert method == "account.balance"
        address = params["address"]
        assert isinstance(address, bytes)
        self.asked += 1
        if self.asked == 2:
            self.height = 8
            self.purses = {b"\x01" * 20: 700_000, b"\x02" * 20: 300_000}
        money = Amount(self.purses[bytes(address)])
        fields = {field: Amount(0) for field in BalanceView.__struct_fields__}
        return BalanceView(**{**fields, "money_ugtx": money})  # type: ignore[arg-type]


async def test_a_block_that_comes_between_two_answers_is_no_fault() -> None:
    client = Moving()
    supply, held = await at_one_height("geo_bangkok", client, tuple(client.purses))  # type: ignore[arg-type]
    assert supply.height == 8
    assert held == Holdings(0, 1_000_000)


async def test_what_is_in_the_grids_fund_is_held_too() -> None:
    client = Moving()
    client.fund_ugtx = 5
    _, held = await at_one_height("geo_bangkok", client, tuple(client.purses))  # type: ignore[arg-type]
    assert held == Holdings(0, 1_000_005)


def test_validators_at_different_heights_need_not_say_the_same() -> None:
    later = msgspec.structs.replace(
        HONEST, height=8, gtx_supply_ugtx=Amount(1_000_100), gtx_rewarded_ugtx=Amount(100)
    )
    audit = judged(later, Holdings(700, 1_000_100))
    assert broken(audit) == set()
    assert audit.gtx_supply_ugtx == 1_000_100
    early = msgspec.structs.replace(later, height=7)
    assert judged(early, Holdings(700, 1_000_100)).gtx_supply_ugtx is None
