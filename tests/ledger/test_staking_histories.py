"""Random histories of a registry: whatever owners, cheats and accusers send, it holds together.

`LittleRegistry` holds every block against the invariants: cash, stakes, what unbonds and what was
burned come to what genesis made; committees are there for every epoch that needs one, never empty,
within their seats and the largest total. A history is a list of small integers.
"""

from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.reputation import ReputationRule
from gtxnode.ledger import wallet
from gtxnode.ledger.registry.epochs import choose
from gtxnode.ledger.registry.validators import Validator
from gtxnode.ledger.transactions import CheckedTransaction
from tests.ledger.little_chain import GTX
from tests.ledger.little_registry import (
    RULES,
    LittleRegistry,
    double_vote,
    evidence,
    precommit,
    prevote,
)

FOUNDERS = ("anan", "boon")
NEWCOMERS = ("chai", "dao", "ek")
NODES = (*FOUNDERS, *NEWCOMERS)
LITTLE = msgspec.structs.replace(
    RULES, slash_ppm=333_333, late_heights=1, reputation=ReputationRule(min_heights=2)
)


class Step(NamedTuple):
    """One thing that someone sends. What the numbers mean depends on the kind."""

    kind: str
    who: int
    amount: int
    back: int


steps = st.builds(
    Step,
    st.sampled_from(
        ["register", "register", "stake", "unstake", "unstake", "leave", "unjail",
         "double", "amnesia", "lie", "replay", "steal"]
    ),
    st.integers(0, len(NODES) - 1),
    st.integers(1, 60),
    st.integers(0, 12),
)  # fmt: skip
blocks = st.tuples(st.lists(steps, max_size=3), st.integers(0, 3), st.sets(st.integers(0, 4)))
histories = st.lists(blocks, min_size=10, max_size=30)


def transaction(
    chain: LittleRegistry, step: Step, sent: list[CheckedTransaction]
) -> CheckedTransaction | None:
    """What the step sends, as things stand before the block; None where there is no way to."""
    name = NODES[step.who]
    owner = f"{name}'s node" if name in FOUNDERS else name
    height = max(1, chain.height + 1 - step.back)
    validator = chain.validator(name)
    try:
        match step.kind:
            case "register":
                return chain.stake(name, step.amount * GTX, by=owner, register=True)
            case "stake":
                return chain.stake(name, step.amount * GTX + step.back, by=owner)
            case "unstake":
                return chain.unstake(name, step.amount * GTX - step.back, by=owner)
            case "leave":
                if validator is None or not validator.stake_ugtx:
                    return None
                return chain.unstake(name, validator.stake_ugtx, by=owner)
            case "unjail":
                return chain.unjail(name, by=owner)
            case "double":
                return double_vote(name, height, str(step.amount))
            case "amnesia":
                return evidence(
                    precommit(name, height, "one", 1),
                    prevote(name, height, "two", 2, valid_round=0),
                )
            case "lie":
                return evidence(prevote(name, height, "one"), prevote(name, height, "one", 1))
            case "replay":
                return sent[step.amount % len(sent)] if sent else None
            case "steal":
                return chain.unstake(name, GTX, by="thief")
    except wallet.InsufficientFunds:
        return None
    raise AssertionError(step.kind)


@settings(max_examples=60)
@given(histories)
def test_a_registry_holds_together(
    history: list[tuple[list[Step], int, set[int]]],
) -> None:
    chain = LittleRegistry(FOUNDERS, (*NEWCOMERS, "thief"), rules=LITTLE, cash_ugtx=200 * GTX)
    sent: list[CheckedTransaction] = []
    for wanted, empty, absent in history:
        chain.absent = {NODES[place] for place in absent}
        block = [t for step in wanted if (t := transaction(chain, step, sent))]
        burned = chain.supply().burned_ugtx
        outcome = chain.block(*block)
        assert chain.supply().burned_ugtx - burned == outcome.burned_ugtx
        for sending, receipt in zip(block, outcome.receipts, strict=True):
            if receipt.ok:
                sent.append(sending)
        for _ in range(empty):
            check_turn(chain)


def check_turn(chain: LittleRegistry) -> None:
    """An empty block; at an epoch's end, the new committee is the best of who is eligible."""
    epoch = chain.epoch
    chain.block()
    if chain.epoch == epoch:
        return
    candidates = [coin for _, coin in chain.all_coins() if isinstance(coin, Validator)]
    committee, before = chain.committee(epoch + 2), chain.committee(epoch + 1)
    assert committee is not None
    assert before is not None
    best = choose(candidates, LITTLE.max_validators)
    assert committee.members == (best or before.members)
    for each in candidates:
        assert all(part.release_epoch > chain.epoch for part in each.unbonding)
