"""The invariants of a development network, checked from what its nodes answer.

Our own clients' record stands on one side (readings that a block took, transactions that were
acknowledged, the money that genesis made), the validators' answers on the other. The checks are
made after the clients have stopped. What they had sent becomes final meanwhile, so the totals and
balances of a validator are asked for at one height.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import trio

from gtxnode.devnet.watch import Watch
from gtxnode.rpc import wire
from gtxnode.rpc.client import Client, RpcError
from gtxnode.rpc.errors import ErrorCode
from gtxnode.rpc.views.accounts import BalanceView
from gtxnode.rpc.views.blocks import HeadView
from gtxnode.rpc.views.grid import GridStatusView
from gtxnode.rpc.views.ledger import SupplyView
from gtxnode.rpc.views.transactions import TransactionState, TransactionStatus

STATE_ROOTS = "state_roots_agree"
OUTSTANDING = "energy_outstanding_is_minted_less_retired"
MINTED = "energy_minted_is_what_meters_delivered"
SUPPLY = "gtx_supply_is_constant"  # but for what was burned and rewarded, which is counted
BALANCES = "balances_add_up_to_supply"
KEPT = "no_acknowledged_transaction_lost"
LOOK_EVERY_S = 0.1
# Asking takes a small part of the time between two blocks, so a block rarely gets in between twice.
ATTEMPTS = 10
INVARIANTS = (STATE_ROOTS, OUTSTANDING, MINTED, SUPPLY, BALANCES, KEPT)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a shard's totals must be by our own record."""

    gtx_ugtx: int
    """What genesis made. Fees only change hands."""
    delivered_wh: int
    """Exports in readings that a block took."""
    undecided_wh: int
    """Exports in readings that are on their way: a block may or may not hold them."""
    owners: tuple[bytes, ...]
    """Every address that can own something here."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a validator says that all owners hold together, free, in orders or staked, and what is
    in the grid's fund."""

    energy_wh: int
    money_ugtx: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The result for one shard."""

    gtx_supply_ugtx: int | None
    """As the validators say, at the highest height; None if they contradict, or say nothing."""
    holds: Mapping[str, bool]
    faults: tuple[str, ...]
    """In words, for whatever does not hold."""


async def audit(watch: Watch, clients: Mapping[str, Client], expected: Expected) -> Audit:
    """Ask every validator, and judge. `Disconnected` when one goes away meanwhile."""
    shard = watch.shard
    for name, client in clients.items():
        head = await _caught_up(shard, client, watch.height)
        watch.agreement.state(name, head.height, head.state_root)
    answers = {
        name: await at_one_height(shard, client, expected.owners)
        for name, client in clients.items()
    }
    lost = [id_ for id_ in sorted(watch.unsettled) if not await _known(shard, clients, id_)]
    return judge(
        expected,
        {name: supply for name, (supply, _) in answers.items()},
        {name: held for name, (_, held) in answers.items()},
        conflicts=watch.agreement.conflicts,
        compared=watch.agreement.compared,
        lost=lost,
    )


def judge(
    expected: Expected,
    supplies: Mapping[str, SupplyView],
    holdings: Mapping[str, Holdings],
    *,
    conflicts: Sequence[str],
    compared: int,
    lost: Sequence[bytes],
) -> Audit:
    """Whether the validators' answers are what they must be. Pure."""
    faults: dict[str, list[str]] = {name: [] for name in INVARIANTS}
    faults[STATE_ROOTS] += conflicts
    if len(supplies) > 1 and not compared:
        faults[STATE_ROOTS].append("no two validators told of the same height")
    faults[KEPT] += [f"nobody knows {id_.hex()}" for id_ in lost]
    for name, supply in supplies.items():
        for invariant, fault in _faults(expected, supply, holdings[name]):
            faults[invariant].append(f"{name}: {fault}")
    totals = {(supply.height, int(supply.gtx_supply_ugtx)) for supply in supplies.values()}
    heights = {height for height, _ in totals}
    return Audit(
        gtx_supply_ugtx=max(totals)[1] if len(totals) == len(heights) > 0 else None,
        holds={name: not found for name, found in faults.items()},
        faults=tuple(f"{name}: {each}" for name, found in faults.items() for each in found),
    )


def _faults(expected: Expected, supply: SupplyView, held: Holdings) -> list[tuple[str, str]]:
    """Each invariant that one validator's answers break, and how."""
    least = expected.delivered_wh
    most = least + expected.undecided_wh
    outstanding = supply.minted_wh - supply.retired_wh
    metered = supply.minted_wh + supply.held_wh + supply.voided_wh
    left_ugtx = expected.gtx_ugtx - supply.gtx_burned_ugtx + supply.gtx_rewarded_ugtx
    checks = (
        (
            OUTSTANDING,
            supply.outstanding_wh == outstanding,
            f"{supply.outstanding_wh} Wh outstanding, minted less retired is {outstanding} Wh",
        ),
        (
            MINTED,
            least <= metered <= most,
            f"{metered} Wh minted, held or voided, meters delivered {least} to {most} Wh",
        ),
        (
            SUPPLY,
            supply.gtx_supply_ugtx == left_ugtx,
            f"{supply.gtx_supply_ugtx} µGTX, genesis made {expected.gtx_ugtx} µGTX "
            f"{supply.gtx_burned_ugtx} were burned and {supply.gtx_rewarded_ugtx} made for sealing",
        ),
        (
            BALANCES,
            held == Holdings(outstanding, left_ugtx),
            f"{held.energy_wh} Wh and {held.money_ugtx} µGTX held, "
            f"{outstanding} Wh and {left_ugtx} µGTX there are",
        ),
    )
    return [(name, fault) for name, right, fault in checks if not right]


async def _caught_up(shard: str, client: Client, height: int) -> HeadView:
    """A validator's head, once it has what the first of them told us of."""
    while True:
        head = await client.ask(HeadView, "chain.head", shard=shard)
        if head.height >= height:
            return head
        await trio.sleep(LOOK_EVERY_S)


async def _holdings(shard: str, client: Client, owners: Sequence[bytes]) -> Holdings:
    energy_wh = money_ugtx = 0
    for owner in owners:
        balance = await client.ask(
            BalanceView, "account.balance", shard=shard, address=wire.Address(owner)
        )
        energy_wh += balance.energy_wh + balance.energy_in_orders_wh
        money_ugtx += balance.money_ugtx + balance.money_in_orders_ugtx
        money_ugtx += balance.money_staked_ugtx + balance.money_in_contracts_ugtx
        money_ugtx += balance.money_in_proposals_ugtx
    try:
        grid = await client.ask(GridStatusView, "grid.status", shard=shard)
        money_ugtx += grid.fund_ugtx
    except RpcError as error:
        if error.code != ErrorCode.NOT_FOUND:
            raise  # a chain without a grid has no fund
    return Holdings(energy_wh, money_ugtx)


async def at_one_height(
    shard: str, client: Client, owners: Sequence[bytes]
) -> tuple[SupplyView, Holdings]:
    """A validator's totals, and what its owners hold after the same block."""
    before = await client.ask(SupplyView, "ledger.supply", shard=shard)
    for _ in range(ATTEMPTS):
        held = await _holdings(shard, client, owners)
        after = await client.ask(SupplyView, "ledger.supply", shard=shard)
        if after.height == before.height:
            break
        before = after
    return before, held


async def _known(shard: str, clients: Mapping[str, Client], id_: bytes) -> bool:
    """Whether any validator still has it, in a block or on its way."""
    for client in clients.values():
        try:
            status = await client.ask(TransactionStatus, "tx.status", shard=shard, id=id_)
        except RpcError:
            continue
        if status.state is not TransactionState.DROPPED:
            return True
    return False
