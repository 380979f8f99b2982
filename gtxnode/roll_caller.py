"""Calls the heights of a chain on the registry: who was there, as far as this node has heard.

Every validator of the chain may call. They take turns, by height and key, so that one is enough:
who comes next waits a few of the registry's blocks to see whether it is needed. What was called is
only completed: by those whose turn it is, and at once by whoever was there and is missing itself.

Everything is read from final state, so whatever was lost, or sent twice, does no harm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from consensus import signing
from consensus.messages import votes_of_commit
from consensus.presence import OpenHeight, Window
from consensus.types import Commit, CommitSignature, Header, Vote
from consensus.validators import ValidatorSet
from gtxnode.chain.registry import Registry, anchor_of
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.ledger.bodies import RollCall
from gtxnode.ledger.coin_view import CoinView
from gtxnode.ledger.parameters import StakingRules
from gtxnode.ledger.registry.attendance import MAX_OPEN_CALLS, OpenCall, RollCalls
from gtxnode.ledger.registry.exhibits import shard_of
from gtxnode.ledger.registry.roll_calls import calls_of, is_open, is_recent, may_open
from gtxnode.ledger.transactions import parse
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Refused

log = structlog.get_logger(__name__)

MAX_SIGNATURES = 140
"""In one call: with the header they take 15 kB of the 16 kB that a transaction has."""
BLOCKS_AFTER = 2
"""A height is called once as many blocks have followed it: precommits come in until then."""
TURN_BLOCKS = 4
"""How many of the registry's blocks the next caller waits for the one before it."""
PATIENCE_BLOCKS = 10
"""After so many of the registry's blocks without effect something is sent again."""
NEW = b""
"""Stands for a validator's key where what was sent calls the height first."""


@dataclass(frozen=True, slots=True)
class Height:
    """A height that is called, as this node has it."""

    header: Header
    commit: Commit
    voters: ValidatorSet
    epoch: int


class Due(NamedTuple):
    """A call that is to be sent, and what is new in it: heights, and who is missing there."""

    body: RollCall
    news: tuple[tuple[int, bytes], ...]


class RollCaller:
    """Of one node on one chain; there is nothing to do on the registry, without one, or without a
    validator's key."""

    def __init__(
        self,
        store: ChainStore,
        sets: ValidatorSets,
        private_key: bytes | None,
        registry: Registry | None,
        is_behind: Callable[[], bool],
    ) -> None:
        self._store = store
        self._sets = sets
        self._private_key = private_key
        self.me = signing.public_key(private_key) if private_key is not None else None
        self._registry = registry
        self._is_behind = is_behind
        self._heights: dict[int, Height] = {}
        self._window: tuple[tuple[int, int], Window] = ((-1, -1), ())
        self._sent: dict[tuple[int, bytes], int] = {}

    def wanted(self) -> Window:
        """The heights whose precommits the registry is still to hear of, and whose are missing."""
        if self._registry is None or self.me is None:
            return ()
        at = self._store.tip.height, self._registry.store.tip.height
        if self._window[0] != at:
            self._window = at, tuple(self._missing(self._registry))
        return self._window[1]

    def advanced(self, late: Sequence[Vote]) -> None:
        """A block became final: send what is due. `late` are verified precommits that `wanted`
        asks for, beside those in the commits."""
        registry, key = self._registry, self._private_key
        if registry is None or key is None or self._is_behind():
            return
        now, chain_id = registry.store.tip.height, registry.store.chain_id
        self._sent = {what: at for what, at in self._sent.items() if now - at < PATIENCE_BLOCKS}
        for body, news in self.due(late):
            try:
                registry.submit(parse(chain_id, sign(chain_id, body, key).encoded))
            except Refused as refused:
                # The next block is another chance, and others have heard the same.
                log.warning("roll_call_not_sent", chain=body.header.chain_id, reason=str(refused))
                continue
            self._sent.update(dict.fromkeys(news, now))
            log.info(
                "roll_call_sent",
                chain=body.header.chain_id,
                height=body.header.height,
                signatures=len(body.commit.signatures),
            )

    def due(self, late: Sequence[Vote]) -> list[Due]:
        """What is to be sent now."""
        registry = self._registry
        assert registry is not None, "there is nothing to call without a registry"
        found: list[Due] = []
        calls, is_first = self._calls(registry), True
        for place in self.wanted():
            height = self._height(place.height)
            if height is None or self.me not in height.voters:
                continue
            votes = {each.validator: each for each in late if each.height == place.height}
            # Of two of a validator's, that of the commit's round: the first call is of one round.
            votes |= {each.validator: each for each in votes_of_commit(height.commit)}
            opened = _open_call(calls, place.height)
            if opened is not None:
                found.extend(self._additions(registry, height, opened, votes))
            elif is_first:
                # The registry takes heights in rising order, so one after the other is called.
                is_first = False
                found.extend(self._opening(registry, height, votes))
        return found

    def _opening(
        self, registry: Registry, height: Height, votes: Mapping[bytes, Vote]
    ) -> Iterator[Due]:
        """The call that a height is called with first, once it is our turn."""
        header, tip, what = height.header, registry.store.tip, (height.header.height, NEW)
        if self._store.tip.height < header.height + BLOCKS_AFTER or what in self._sent:
            return
        since = max(
            anchor_of(self._store, header.height + BLOCKS_AFTER).height,
            self._free_since(registry),
        )
        may_open_now = may_open(_rules(registry), tip.height + 1)
        if not may_open_now or not self._is_our_turn(registry, height, since):
            return
        of_round = [each for each in votes.values() if each.round == height.commit.round]
        commit = _commit(height, height.commit.round, of_round)
        stake = sum(height.voters.stake_of(each.validator) for each in commit.signatures)
        if not height.voters.has_quorum(stake):
            log.warning("roll_call_too_large", chain=header.chain_id, validators=len(of_round))
            self._sent[what] = tip.height
            return
        yield Due(RollCall(header, commit, height.epoch), (what,))

    def _free_since(self, registry: Registry) -> int:
        """From which of the registry's blocks on the next height can be called: each waits for the
        one before it, and what an epoch had no more time for begins with the next."""
        blocks = _rules(registry).epoch_blocks
        begun = registry.store.tip.height // blocks * blocks
        return max([begun, *(each.opened for each in self._calls(registry).open)])

    def _additions(
        self,
        registry: Registry,
        height: Height,
        opened: OpenCall,
        votes: Mapping[bytes, Vote],
    ) -> Iterator[Due]:
        """The calls that bring what is missing, one for each round; our own at once."""
        at = height.header.height
        news = [
            votes[key]
            for key in opened.place.missing
            if key in votes and (at, key) not in self._sent
        ]
        ours = any(each.validator == self.me for each in news)
        if not ours and not self._is_our_turn(registry, height, opened.opened):
            return
        for round_ in sorted({each.round for each in news}):
            commit = _commit(height, round_, [each for each in news if each.round == round_])
            body = RollCall(height.header, commit, height.epoch)
            yield Due(body, tuple((at, each.validator) for each in commit.signatures))

    def _is_our_turn(self, registry: Registry, height: Height, since: int) -> bool:
        """Whether those before us have had their time since that block of the registry."""
        keys = [each.public_key for each in height.voters]
        assert self.me is not None, "only who votes calls"
        number = height.header.height // _rules(registry).roll_call_blocks
        place = (keys.index(self.me) - number) % len(keys)
        return registry.store.tip.height - since >= TURN_BLOCKS * place

    def _missing(self, registry: Registry) -> Iterator[OpenHeight]:
        rules, calls = _rules(registry), self._calls(registry)
        every, head = rules.roll_call_blocks, self._store.tip.height
        newest = head - head % every
        recent = range(max(every, newest - every * (MAX_OPEN_CALLS - 1)), newest + 1, every)
        self._heights = {at: each for at, each in self._heights.items() if at in recent}
        for at in recent:
            opened = _open_call(calls, at)
            if opened is not None and is_open(rules, opened, registry.store.tip.height + 1):
                yield opened.place
            elif at > calls.height and (height := self._height(at)) is not None:
                anchor, now = height.header.anchor.height, registry.store.tip.height + 1
                if is_recent(rules, anchor, height.epoch, now):
                    keys = tuple(each.public_key for each in height.voters)
                    yield OpenHeight(at, height.commit.block_id, keys)

    def _height(self, at: int) -> Height | None:
        """A final height of ours; None where it is not known who voted there."""
        known = self._heights.get(at)
        if known is not None:
            return known
        try:
            voters, epoch = self._sets.at(at), self._sets.epoch(at)
            block, commit = self._store.block(at)
        except (SetUnknown, KeyError):
            return None
        found = self._heights[at] = Height(block.header, commit, voters, epoch or 0)
        return found

    def _calls(self, registry: Registry) -> RollCalls:
        shard = shard_of(self._store.chain_id)
        assert shard is not None, "every chain of a network is a shard's"
        return calls_of(CoinView(registry.store), registry.store.chain_id, shard)


def _open_call(calls: RollCalls, at: int) -> OpenCall | None:
    return next((each for each in calls.open if each.place.height == at), None)


def _commit(height: Height, round_: int, votes: Iterable[Vote]) -> Commit:
    """The precommits of a round as a call carries them: the largest stakes, where not all fit."""
    by_stake = sorted(votes, key=lambda each: -height.voters.stake_of(each.validator))
    signatures = sorted(
        (CommitSignature(each.validator, each.signature) for each in by_stake[:MAX_SIGNATURES]),
        key=lambda each: each.validator,
    )
    commit = height.commit
    return Commit(commit.height, round_, commit.block_id, tuple(signatures))


def _rules(registry: Registry) -> StakingRules:
    return registry.store.parameters.staking
