"""Roll calls: every so many heights of another chain, the registry hears who was there.

The first call of a height proves a block final by two thirds of the set that its header names. For
`roll_call_open_blocks` of the registry's blocks after that, anyone's missing precommit may be
brought, so that who calls cannot hide a rival. Then the height is settled: who serves the chain and
voted there was seen or was not. A height counts as much as the registry made blocks since the last
one that was called, so no chain counts for more than the registry (docs/decisions/reputation.md).
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec.structs import replace

from consensus.errors import InvalidCommit
from consensus.light import check_commit_shape
from consensus.presence import open_height
from consensus.reputation import Conduct
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.coins import Coin
from gtxnode.ledger.parameters import StakingRules
from gtxnode.ledger.registry.attendance import (
    CALLED_SHARDS,
    MAX_OPEN_CALLS,
    Attendance,
    OpenCall,
    RollCalls,
    roll_calls_coin_id,
)
from gtxnode.ledger.registry.exhibits import shard_of
from gtxnode.ledger.registry.staking import require_registry
from gtxnode.ledger.registry.validators import (
    Committee,
    Validator,
    committee_coin_id,
    epoch_of,
    last_height_of,
    validator_coin_id,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.errors import Reason, Refused
from gtxnode.primitives.zones import Shard


class Coins(Protocol):
    """The registry's coins, as far as calls need them."""

    def get(self, coin_id: bytes) -> Coin | None:
        """The coin of an id, or None."""


def roll_call(state: BlockState, transaction: CheckedTransaction) -> None:
    """Call a height, or bring precommits that were missing there."""
    body, context = transaction.body, state.context
    assert isinstance(body, RollCall)
    require_registry(state)
    rules = context.parameters.staking
    after = answered(state.coins, context.chain_id, rules, context.height, transaction)
    state.coins.make(roll_calls_coin_id(context.chain_id, _shard(body)), after)


def answered(
    coins: Coins, chain_id: str, rules: StakingRules, height: int, transaction: CheckedTransaction
) -> RollCalls:
    """What a chain's calls are with one more, in a block at `height`; raises `Refused`."""
    body = transaction.body
    assert isinstance(body, RollCall)
    if not any(_registered(coins, chain_id, key) for key in transaction.signers):
        raise Refused(Reason.UNKNOWN_VALIDATOR, "only a validator calls others")
    before = calls_of(coins, chain_id, _shard(body))
    if body.header.height > before.height:
        return _opened(coins, chain_id, rules, height, body, before)
    return _added(rules, height, body, before)


def calls_of(coins: Coins, chain_id: str, shard: Shard) -> RollCalls:
    """The calls of a chain so far."""
    coin = coins.get(roll_calls_coin_id(chain_id, shard))
    assert coin is None or isinstance(coin, RollCalls), "calls' ids are their own domain"
    return coin or RollCalls()


def is_open(rules: StakingRules, call: OpenCall, height: int) -> bool:
    """Whether a block at `height` may bring a precommit that was missing."""
    return height <= call.opened + _open_for(rules)


def is_recent(rules: StakingRules, anchor_height: int, epoch: int, height: int) -> bool:
    """Whether a block may still be called in a block at `height`: it goes by the registry's
    `anchor_height`, of this epoch or the one before, and its voters are of that epoch or the one
    before that."""
    named = epoch_of(anchor_height, rules.epoch_blocks)
    return named >= epoch_of(height, rules.epoch_blocks) - 1 and epoch >= named - 1


def may_open(rules: StakingRules, height: int) -> bool:
    """Whether what a block at `height` calls can be settled within its epoch."""
    end = last_height_of(epoch_of(height, rules.epoch_blocks), rules.epoch_blocks)
    return height + _open_for(rules) <= end


def close(state: BlockState) -> dict[bytes, Conduct]:
    """Settle what is open where an epoch ends, and begin anew: what other chains' heights have
    shown of validators, as the conduct that it adds to the registry's."""
    shown: dict[bytes, Conduct] = {}
    chain_id = state.context.chain_id
    for shard in CALLED_SHARDS:
        calls = calls_of(state.coins, chain_id, shard)
        settled = _settled(state.coins, chain_id, shard, calls, calls.open)
        for each in settled.seen:
            so_far = shown.get(each.public_key, Conduct())
            shown[each.public_key] = Conduct(
                heights=so_far.heights + each.heights, signed=so_far.signed + each.signed
            )
        if settled.seen or calls.open:
            coin_id = roll_calls_coin_id(chain_id, shard)
            state.coins.make(coin_id, replace(settled, seen=()))
    return shown


def _opened(
    coins: Coins,
    chain_id: str,
    rules: StakingRules,
    height: int,
    body: RollCall,
    before: RollCalls,
) -> RollCalls:
    header, shard = body.header, _shard(body)
    if header.height % rules.roll_call_blocks:
        raise Refused(
            Reason.INVALID_ROLL_CALL,
            f"height {header.height}, and every {rules.roll_call_blocks}th is called",
        )
    committee = _committee(coins, chain_id, body, height, rules)
    voters = committee.validator_set(shard)
    if voters.root != header.validators_root:
        raise Refused(Reason.INVALID_ROLL_CALL, f"its block is not of epoch {body.epoch}")
    try:
        # Its signatures were checked with the witnesses', and whose block it is.
        check_commit_shape(voters, body.commit.block_id, header.height, body.commit)
    except InvalidCommit as error:
        raise Refused(Reason.INVALID_ROLL_CALL, str(error)) from error
    due = [call for call in before.open if not is_open(rules, call, height)]
    if len(before.open) - len(due) >= MAX_OPEN_CALLS:
        raise Refused(Reason.ROLL_CALL_OUT_OF_WINDOW, f"{MAX_OPEN_CALLS} heights are open")
    anchor = header.anchor.height
    weight = min(max(0, anchor - before.anchor), rules.roll_call_blocks)
    call = OpenCall(open_height(voters, body.commit), body.epoch, height, weight)
    settled = _settled(coins, chain_id, shard, before, due)
    return RollCalls(header.height, max(anchor, before.anchor), (*settled.open, call), settled.seen)


def _committee(
    coins: Coins, chain_id: str, body: RollCall, height: int, rules: StakingRules
) -> Committee:
    """Who voted on the block, by the epoch that the call names; raises `Refused`."""
    anchor = body.header.anchor.height
    if not may_open(rules, height):
        raise Refused(Reason.ROLL_CALL_OUT_OF_WINDOW, f"block {height} is too near its epoch's end")
    coin = coins.get(committee_coin_id(chain_id, body.epoch))
    has_come = body.epoch <= epoch_of(min(anchor + 1, height), rules.epoch_blocks)
    recent = has_come and is_recent(rules, anchor, body.epoch, height)
    if not recent or not isinstance(coin, Committee):
        raise Refused(
            Reason.ROLL_CALL_OUT_OF_WINDOW,
            f"the committee of epoch {body.epoch}, a block that goes by the registry's {anchor}, "
            f"called in block {height}",
        )
    return coin


def _added(rules: StakingRules, height: int, body: RollCall, before: RollCalls) -> RollCalls:
    """The calls with precommits for a height that was called."""
    at = body.header.height
    call = next((each for each in before.open if each.place.height == at), None)
    if call is None or not is_open(rules, call, height):
        raise Refused(Reason.ROLL_CALL_OUT_OF_WINDOW, f"height {at} is settled")
    if call.place.block_id != body.commit.block_id:
        raise Refused(Reason.INVALID_ROLL_CALL, f"another block is final at height {at}")
    signed = {each.validator for each in body.commit.signatures}
    missing = tuple(key for key in call.place.missing if key not in signed)
    if missing == call.place.missing:
        raise Refused(Reason.ROLL_CALL_ADDS_NOBODY, f"{len(signed)} precommits at height {at}")
    after = replace(call, place=replace(call.place, missing=missing))
    return replace(before, open=tuple(after if each is call else each for each in before.open))


def _settled(
    coins: Coins, chain_id: str, shard: Shard, calls: RollCalls, due: Iterable[OpenCall]
) -> RollCalls:
    """The calls with those that are due counted and gone."""
    due = tuple(due)
    if not due:
        return calls
    seen = {each.public_key: each for each in calls.seen}
    for call in due:
        seen |= _counted(coins, chain_id, shard, seen, call)
    left = tuple(each for each in calls.open if each not in due)
    return replace(calls, open=left, seen=tuple(seen[key] for key in sorted(seen)))


def _counted(
    coins: Coins, chain_id: str, shard: Shard, seen: Mapping[bytes, Attendance], call: OpenCall
) -> dict[bytes, Attendance]:
    """What a height that is settled changes: those who serve the chain, and are still known."""
    committee = coins.get(committee_coin_id(chain_id, call.epoch))
    assert isinstance(committee, Committee), "it was there within this epoch"
    missing = set(call.place.missing)
    return {
        key: Attendance(
            key, before.heights + call.weight, before.signed + call.weight * (key not in missing)
        )
        for member in committee.serving_on(shard)
        if _registered(coins, chain_id, key := member.public_key)
        for before in [seen.get(key, Attendance(key, 0, 0))]
    }


def _open_for(rules: StakingRules) -> int:
    return min(rules.roll_call_open_blocks, rules.epoch_blocks // 2)


def _registered(coins: Coins, chain_id: str, key: bytes) -> bool:
    return isinstance(coins.get(validator_coin_id(chain_id, key)), Validator)


def _shard(body: RollCall) -> Shard:
    shard = shard_of(body.header.chain_id)
    assert shard is not None, "what is no chain of ours is refused with the form"
    return shard
