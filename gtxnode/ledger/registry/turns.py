"""Turns to propose, counted: what a block's commit shows of its parent's height."""

from consensus.turns import NO_MISSES, after_turns
from gtxnode.ledger.block_state import BlockState
from gtxnode.ledger.registry.proposers import MissedTurns, MissRecord, missed_turns_coin_id


def count(state: BlockState) -> None:
    """Bring the rows of missed turns up to date. Nothing changes while nobody misses.

    Who does not vote any more is forgotten: no schedule asks for it again.
    """
    turns = state.context.turns
    if turns is None:
        return
    coin_id = missed_turns_coin_id(state.context.chain_id)
    coin = state.coins.get(coin_id)
    assert coin is None or isinstance(coin, MissedTurns), "the id holds the turns missed"
    if coin is None and not turns.missed:
        return
    before = coin.by_key() if coin is not None else {}
    height = state.context.height - 1
    changed = after_turns(before, turns, height, state.context.parameters.resting)
    if not changed:
        return
    voters = state.context.voters
    after = {
        key: each
        for key, each in (before | changed).items()
        if each != NO_MISSES and (voters is None or key in voters)
    }
    if after:
        records = tuple(MissRecord(key, after[key]) for key in sorted(after))
        state.coins.make(coin_id, MissedTurns(records))
    elif coin is not None:
        state.coins.spend(coin_id)
