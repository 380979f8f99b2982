"""The execution of a final block: sequential, deterministic, and never in doubt.

`execute` is a function of the context, the transactions, the coins and the open orders. It runs
only on what consensus has made final, so it moves the open orders on in place; coins it leaves
alone and returns what to write. A refused transaction changes nothing and gets a receipt with its
reason.

Order within a block: orders that have expired give their funds back, slots whose gates have closed
hold their auctions, contracts whose grace is over are settled, orders trade that were passed over
and for which room has appeared, evidence takes effect, the other
transactions take effect one by one as the block has them, the registry closes its epoch and moves
proposals on, the sealing of readings is paid, fees go to the proposer, totals are carried on.
Receipts are in the block's order whatever came first.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from gtxnode.ledger import admission, transfers
from gtxnode.ledger.authority import directing, rotation, stopping, tariffs
from gtxnode.ledger.block_state import BlockContext, BlockState
from gtxnode.ledger.bodies import (
    Amend,
    AssignContract,
    Body,
    Cancel,
    CastVote,
    Evidence,
    ForwardBid,
    ForwardOffer,
    FundGrid,
    GrantLicence,
    Halt,
    HomeMeter,
    JudgeHeld,
    Lift,
    PlaceBuy,
    PlaceSell,
    PledgeSeed,
    PostGridStatus,
    Propose,
    RegisterMeter,
    RenewChain,
    ReplaceTariff,
    ResetMeter,
    Retire,
    RetireCredits,
    RetireMeter,
    RevealSeed,
    RevokeLicence,
    RollCall,
    RotateKeys,
    RotateMeterKey,
    Serve,
    SetCorridorLimits,
    SetZoneLimits,
    Stake,
    SubmitRecord,
    Transfer,
    TransferMeter,
    Unjail,
    Unstake,
)
from gtxnode.ledger.coin_view import CoinReader, CoinView
from gtxnode.ledger.delivery import assigning, forward_amending, forwards, gate_closure, settlement
from gtxnode.ledger.energy import retirements
from gtxnode.ledger.grid import carriage, corridors, grid_acts, passed_over, sweeps
from gtxnode.ledger.market import licences, orders
from gtxnode.ledger.market.market_rules import settle_usage
from gtxnode.ledger.market.open_orders import OpenOrders
from gtxnode.ledger.metering import handover, homing, meters, suspects
from gtxnode.ledger.outcome import BlockOutcome, Receipt
from gtxnode.ledger.registry import (
    commitments,
    epochs,
    evidence,
    governance,
    roll_calls,
    seeds,
    staking,
    turns,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.metering.meters import Reading
from gtxnode.primitives.errors import Reason, Refused

__all__ = ["RULES", "BlockContext", "BlockOutcome", "CoinReader", "execute"]

Rule: TypeAlias = Callable[[BlockState, CheckedTransaction], None]
"""Changes the state by a transaction, or raises `Refused` having changed nothing."""

RULES: Mapping[type[Body], Rule] = MappingProxyType(
    {
        Transfer: transfers.transfer,
        Halt: stopping.halt,
        Lift: stopping.lift,
        Retire: retirements.retire,
        RetireCredits: retirements.retire_credits,
        ReplaceTariff: tariffs.replace_tariff,
        HomeMeter: homing.home_meter,
        RegisterMeter: meters.register_meter,
        RotateMeterKey: meters.rotate_meter_key,
        ResetMeter: meters.reset_meter,
        RetireMeter: meters.retire_meter,
        TransferMeter: handover.transfer_meter,
        JudgeHeld: suspects.judge_held,
        Reading: meters.reading,
        SubmitRecord: meters.reading,
        PlaceSell: orders.place_sell,
        PlaceBuy: orders.place_buy,
        ForwardOffer: forwards.offer,
        ForwardBid: forwards.bid,
        AssignContract: assigning.assign_contract,
        Cancel: forwards.cancel,
        Amend: forward_amending.amend,
        GrantLicence: licences.grant,
        RevokeLicence: licences.revoke,
        Stake: staking.stake,
        Unstake: staking.unstake,
        Unjail: staking.unjail,
        Serve: staking.serve,
        Evidence: evidence.evidence,
        RollCall: roll_calls.roll_call,
        RotateKeys: rotation.rotate_keys,
        Propose: governance.propose,
        CastVote: governance.cast_vote,
        RenewChain: commitments.renew_chain,
        PledgeSeed: commitments.pledge_seed,
        RevealSeed: commitments.reveal_seed,
        PostGridStatus: grid_acts.post_status,
        SetCorridorLimits: grid_acts.set_corridor_limits,
        SetZoneLimits: grid_acts.set_zone_limits,
        FundGrid: grid_acts.fund_grid,
    }
)


def execute(
    context: BlockContext,
    transactions: Sequence[CheckedTransaction],
    coins: CoinReader,
    open_orders: OpenOrders,
) -> BlockOutcome:
    """Execute a final block's transactions in their order."""
    state = BlockState(context, CoinView(coins), open_orders)
    open_orders.book.price_rule = context.parameters.orders.price_rule
    turns.count(state)
    seeds.begin(state)
    epochs.begin(state)
    carriage.begin(state)
    orders.expire(state)
    forwards.expire(state)
    gate_closure.close_gates(state)
    settlement.settle_due(state)
    passed_over.begin(state)
    taken: set[bytes] = set()
    # No offender gets in between with what it does in the same block.
    first = {
        place: _apply(state, transaction, taken)
        for place, transaction in enumerate(transactions)
        if type(transaction.body) is Evidence
    }
    for place, transaction in enumerate(transactions):
        receipt = first[place] if place in first else _apply(state, transaction, taken)
        state.receipts.append(receipt)
    epochs.end(state)
    governance.end(state)
    governance.follow(state)
    rotation.end(state)
    rotation.follow(state)
    stopping.follow(state)
    licences.follow(state)
    tariffs.follow(state)
    directing.follow(state)
    sweeps.end(state)
    corridors.settle(state)
    settle_usage(state)
    admission.settle(state)
    return state.close()


def _apply(state: BlockState, transaction: CheckedTransaction, taken: set[bytes]) -> Receipt:
    if transaction.id in taken:
        return Receipt(transaction.id, Reason.ALREADY_EXECUTED)
    try:
        RULES[type(transaction.body)](state, transaction)
    except Refused as refused:
        return Receipt(transaction.id, refused.reason, refused.detail)
    taken.add(transaction.id)
    return Receipt(transaction.id)
