"""The work that admits energy batches: what it is to be after a block, and what it earned.

Energy transactions pay no fee. Whoever seals them for others does work, under a target that follows
ASERT, and is paid for each reading that took effect: a meter has only so many of those, so nobody
earns more by sealing more.
"""

from itertools import islice

from consensus.asert import WorkRule, ahead_after, target_ahead
from consensus.work import MAX_TARGET, encode_target
from gtxnode.ledger.accounts import Why
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.coins import Admission, Cash, admission_coin_id, reward_coin_id
from gtxnode.ledger.parameters import AdmissionRules


def work_rule(rules: AdmissionRules) -> WorkRule:
    """The rule that targets follow."""
    return WorkRule(rules.batch_spacing_ms, rules.halflife_ms, MAX_TARGET // rules.least_hashes)


def easiest_target(rules: AdmissionRules) -> bytes:
    """The target of normal times, 32 bytes."""
    return encode_target(work_rule(rules).max_target)


def settle(state: BlockState) -> None:
    """Carry the schedule on over the block's energy batches, and pay who sealed them."""
    context = state.context
    rules = context.parameters.admission
    rule = work_rule(rules)
    coin_id = admission_coin_id(context.chain_id)
    coin = state.coins.get(coin_id)
    before_ms = coin.ahead_ms if isinstance(coin, Admission) else 0
    energy_batches = sum(share.energy for share in context.shares)
    after_ms = ahead_after(rule, before_ms, context.elapsed_ms, energy_batches)
    if after_ms:
        if after_ms != before_ms:
            state.coins.make(coin_id, Admission(after_ms))
    elif before_ms:
        state.coins.spend(coin_id)
    state.energy_target = encode_target(target_ahead(rule, after_ms))
    if energy_batches and rules.reading_reward_ugtx:
        _reward(state, rules.reading_reward_ugtx)


def _reward(state: BlockState, each_ugtx: int) -> None:
    accepted = {reading.transaction for reading in state.readings}
    receipts = iter(state.receipts)
    for place, share in enumerate(state.context.shares):
        counted = sum(
            receipt.reason is None and receipt.id in accepted
            for receipt in islice(receipts, share.transactions)
        )
        if counted and share.energy:
            coin_id = reward_coin_id(state.context.chain_id, state.context.height, place)
            state.coins.make(coin_id, Cash(share.producer, counted * each_ugtx))
            state.rewarded_ugtx += counted * each_ugtx
            state.accounts.post(share.producer, Why.SEALING, ugtx=counted * each_ugtx)
