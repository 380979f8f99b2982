"""Random histories of calls against a naive count that keeps every call and counts them anew.

`LittleRegistry` holds every block against its invariants; whatever is sent, what the registry has
counted of a chain is what the calls that it took say, and it takes those that the rule names.
"""

from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consensus.reputation import ReputationRule
from consensus.types import Commit, Header, block_id
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.registry.attendance import MAX_OPEN_CALLS, RollCalls, roll_calls_coin_id
from gtxnode.ledger.registry.validators import (
    Validator,
    epoch_of,
    last_height_of,
    validator_coin_id,
)
from gtxnode.ledger.transactions import CheckedTransaction
from gtxnode.primitives.zones import Shard
from tests.ledger.little_chain import CHAIN, GTX, signed
from tests.ledger.little_registry import RULES, LittleRegistry, node
from tests.ledger.other_chain import final_block, signed_by

FOUNDERS = ("anan", "boon", "chai", "dao")
NEWCOMERS = ("ek", "fon")
NODES = (*FOUNDERS, *NEWCOMERS)
SHARDS = (Shard.GEO_SOUTHERN, Shard.GEO_BANGKOK)
EVERY, OPEN = 2, 3
ENROLLED_BY = 8
"""Nobody comes back who was struck off: who is known where a height is settled stays so."""
LITTLE = replace(
    RULES,
    epoch_blocks=8,
    max_validators=5,
    late_heights=0,
    roll_call_blocks=EVERY,
    roll_call_open_blocks=OPEN,
    reputation=ReputationRule(min_heights=30),
)


class Call(NamedTuple):
    """Somebody calls a height: the newest called one and so many more."""

    shard: int
    ahead: int
    behind: int
    """How old the block is that it names."""
    some: tuple[int, ...]
    """Who is away; who signs where it was called before, or nobody: all that are missing."""
    epoch: int
    """The committee of so many epochs before."""
    by: int


class Other(NamedTuple):
    """Somebody registers, leaves, or says what it serves."""

    kind: str
    who: int
    serves: int


called_by = st.builds(
    Call,
    st.integers(0, 1),
    st.sampled_from([2, 0, 2, 0, 2, 0, 4, 1]),
    st.sampled_from([1, 1, 1, 1, 2, 5, 12]),
    st.sampled_from([(0,), (), (1,), (), (2,), (3,), (), (4,), (0, 1), (0, 5)]),
    st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]),
    st.sampled_from([0, 1, 2, 3, 0, 1, 2, 3, 4, 6]),
)
others = st.builds(
    Other,
    st.sampled_from(["register", "leave", "serve", "serve"]),
    st.integers(0, 5),
    st.integers(0, 2),
)
blocks = st.lists(st.one_of(called_by, called_by, called_by, others), min_size=1, max_size=3)
histories = st.lists(blocks, min_size=30, max_size=60)


class Naive:
    """Every call that counts, in the order in which they came; and nothing else."""

    def __init__(self, chain: LittleRegistry) -> None:
        self._chain = chain
        self.calls: dict[Shard, list[tuple[int, Header, Commit, int]]] = {s: [] for s in SHARDS}
        """The registry's height, the call, and the epoch of its committee."""

    def takes(self, shard: Shard, height: int, body: RollCall, *, by_validator: bool) -> bool:
        header, voted = body.header, {each.validator for each in body.commit.signatures}
        before = [each for each in self.calls[shard] if each[1].height >= header.height]
        same = [each for each in before if each[1].height == header.height]
        epoch = epoch_of(height, LITTLE.epoch_blocks)
        if not by_validator:
            return False
        if before:
            if not same or not self._is_open(same[0][0], height) or same[0][1] != header:
                return False
            seen = {each.validator for call in same for each in call[2].signatures}
            return not voted.isdisjoint(self._set(shard, same[0][3]).keys() - seen)
        first = {each[1].height: each[0] for each in reversed(self.calls[shard])}
        still = [at for at in first.values() if self._is_open(at, height)]
        stakes = self._set(shard, body.epoch)
        return (
            header.height % EVERY == 0
            and self._epoch(header.anchor.height) >= epoch - 1
            and height + OPEN <= last_height_of(epoch, LITTLE.epoch_blocks)
            and len(still) < MAX_OPEN_CALLS
            and self._epoch(header.anchor.height) - 1 <= body.epoch
            and body.epoch <= self._epoch(header.anchor.height + 1)
            and voted <= stakes.keys()
            and 3 * sum(stakes[key] for key in voted) > 2 * sum(stakes.values())
        )

    def counted(self, shard: Shard) -> Counter[tuple[bytes, bool]]:
        """By validator, what it was called for in this epoch, and what of it it was there for."""
        total: Counter[tuple[bytes, bool]] = Counter()
        anchor = 0
        for height in sorted({each[1].height for each in self.calls[shard]}):
            same = [each for each in self.calls[shard] if each[1].height == height]
            at, header, _, epoch = same[0]
            weight = min(max(0, header.anchor.height - anchor), EVERY)
            anchor = max(anchor, header.anchor.height)
            if self._epoch(at) != self._chain.epoch:
                continue
            seen = {each.validator for call in same for each in call[2].signatures}
            for key in self._served(shard, epoch):
                total[key, True] += weight
                total[key, False] += weight * (key in seen)
        return total

    def header(self, shard: Shard, height: int) -> Header | None:
        """The block that was called there."""
        return next((each[1] for each in self.calls[shard] if each[1].height == height), None)

    def _is_open(self, opened: int, height: int) -> bool:
        return height <= opened + OPEN and self._epoch(opened) == self._epoch(height)

    def _epoch(self, height: int) -> int:
        return epoch_of(height, LITTLE.epoch_blocks)

    def _served(self, shard: Shard, epoch: int) -> dict[bytes, int]:
        committee = self._chain.committee(epoch)
        assert committee is not None
        known = {
            coin.public_key for _, coin in self._chain.all_coins() if isinstance(coin, Validator)
        }
        named = {each.public_key: each.shards for each in committee.serving}
        return {
            each.public_key: each.stake
            for each in committee.members
            if shard in named.get(each.public_key, (shard,)) and each.public_key in known
        }

    def _set(self, shard: Shard, epoch: int) -> dict[bytes, int]:
        committee = self._chain.committee(epoch)
        assert committee is not None
        return {each.public_key: each.stake for each in committee.validator_set(shard)}


def calls(chain: LittleRegistry, shard: Shard) -> RollCalls:
    coin = chain.coin(roll_calls_coin_id(CHAIN, shard))
    return coin if isinstance(coin, RollCalls) else RollCalls()


def call(chain: LittleRegistry, naive: Naive, step: Call) -> CheckedTransaction | None:
    """What the step sends; None where no such committee is known, or nobody signs."""
    shard, anchor = SHARDS[step.shard], max(0, chain.height + 1 - step.behind)
    height = (calls(chain, shard).height or EVERY) + step.ahead
    epoch = epoch_of(anchor + 1, LITTLE.epoch_blocks) - step.epoch
    if epoch < 0 or chain.committee(epoch) is None:
        return None
    committee = chain.committee(epoch)
    assert committee is not None
    voters, known = committee.validator_set(shard), naive.header(shard, height)
    chosen = {node(NODES[place]) for place in step.some}
    away = {key for each in calls(chain, shard).open for key in each.place.missing}
    wanted = chosen or away if known else {each.public_key for each in voters} - chosen
    names = [name for name in NODES if node(name) in wanted]
    if not names:
        return None
    header, commit = final_block(
        chain, height, anchor, epoch=epoch, chain_id=shard.value, signers=names
    )
    if known is not None:
        header = known
        commit = signed_by(shard.value, Commit(height, 1, block_id(known), ()), names)
    by = (*NODES, "somebody")[step.by]
    return signed(RollCall(header, commit, epoch), f"{by}'s node")


def other(chain: LittleRegistry, step: Other) -> CheckedTransaction | None:
    name = NODES[step.who]
    owner = f"{name}'s node" if name in FOUNDERS else name
    validator = chain.validator(name)
    match step.kind:
        case "register":
            if name in FOUNDERS or validator is not None or chain.height > ENROLLED_BY:
                return None
            return chain.stake(name, 50 * GTX, by=owner, register=True)
        case "leave":
            if validator is None or not validator.stake_ugtx:
                return None
            return chain.unstake(name, validator.stake_ugtx, by=owner)
        case _:
            return chain.serve(name, *SHARDS[: step.serves][::-1], by=owner)


def counts(chain: LittleRegistry, shard: Shard) -> Counter[tuple[bytes, bool]]:
    """As the coin has it, with what is open as it stands."""
    found, total = calls(chain, shard), Counter[tuple[bytes, bool]]()
    for each in found.seen:
        total[each.public_key, True] += each.heights
        total[each.public_key, False] += each.signed
    for called in found.open:
        committee = chain.committee(called.epoch)
        assert committee is not None
        for member in committee.serving_on(shard):
            if chain.coin(validator_coin_id(CHAIN, member.public_key)) is not None:
                key = member.public_key
                total[key, True] += called.weight
                total[key, False] += called.weight * (key not in called.place.missing)
    return total


@settings(max_examples=60)
@given(histories)
def test_what_is_counted_is_what_the_calls_say(history: list[list[Call | Other]]) -> None:
    chain = LittleRegistry(FOUNDERS, NEWCOMERS, rules=LITTLE, cash_ugtx=200 * GTX)
    naive = Naive(chain)
    for steps in history:
        # One call of each chain in a block, as what is called next depends on what was.
        called = {each.shard: each for each in steps if isinstance(each, Call)}
        sent = [(each, made) for each in called.values() if (made := call(chain, naive, each))]
        rest = [made for each in steps if isinstance(each, Other) and (made := other(chain, each))]
        known = [chain.validator(name) is not None for name in NODES] + [False]
        outcome = chain.block(*(transaction for _, transaction in sent), *rest)
        for (step, transaction), receipt in zip(sent, outcome.receipts, strict=False):
            body, shard = transaction.body, SHARDS[step.shard]
            assert isinstance(body, RollCall)
            taken = naive.takes(shard, chain.height, body, by_validator=known[step.by])
            assert receipt.ok == taken, receipt
            if receipt.ok:
                naive.calls[shard].append((chain.height, body.header, body.commit, body.epoch))
        for shard in SHARDS:
            expected = naive.counted(shard)
            assert +counts(chain, shard) == +expected
            most = max((weight for (_, called), weight in expected.items() if called), default=0)
            assert most <= chain.height
