"""Worlds of real drivers, visited one message at a time; what a search of them shares."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from consensus.driver import start_height
from consensus.events import (
    Input,
    StartHeight,
)
from consensus.messages import (
    ProposalMessage,
)
from consensus.round import NO_ROUND
from consensus.types import UNSIGNED, Block, Proposal, Vote, VoteKind
from consensus.validators import Validator, ValidatorSet
from tests.simulation.checker import Fork
from tests.simulation.local import (
    Local,
    Sent,
    answers,
    certified,
    check_rules,
    deliver,
    id_of,
    key_of,
    place_of,
    received,
    settle,
    taken,
    useful,
    value,
    votes_in,
)

ANY = b""
"""In the place of a block: whatever for."""
Decision = tuple[int, bytes]
"""Which validator decides which block."""
World = tuple[int, ...]
"""The correct validators' local states, by number."""


@dataclass(frozen=True, slots=True)
class Case:
    """Validators by stake, who of them is faulty, and how many rounds are looked at.

    Validator r proposes in round r, so a faulty one's place among them says what it proposes.
    """

    stakes: tuple[int, ...]
    faulty: frozenset[int]
    rounds: int

    @property
    def correct(self) -> tuple[int, ...]:
        """The others."""
        return tuple(each for each in range(len(self.stakes)) if each not in self.faulty)

    def proposer(self, height: int, round: int) -> bytes:
        """The key of the round's proposer."""
        return key_of(round % len(self.stakes))

    def values(self, round_: int) -> tuple[Block, ...]:
        """The blocks that the proposer of a round may make up."""
        liar = round_ % len(self.stakes) in self.faulty
        return tuple(value(round_, variant) for variant in ("ab" if liar else "a"))


class Explorer:
    """What both explorers share: what may be delivered, and what comes of it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.validators = ValidatorSet(
            Validator(key_of(place), stake) for place, stake in enumerate(case.stakes)
        )
        self.liars = [key_of(place) for place in sorted(case.faulty)]
        self.locals: list[Local] = []
        self.names: list[Any] = []
        self.together: set[frozenset[Decision]] = set()
        """Which two decisions can both be made, the same one twice among them."""
        self.histories: set[tuple[tuple[Sent, ...], ...]] = set()
        """What the correct validators can have said within the bound, each in its order."""
        self._numbers: dict[object, int] = {}
        self._worked: dict[tuple[object, ...], tuple[int, ...]] = {}
        self.ids = [id_of(each) for number in range(case.rounds) for each in case.values(number)]
        self.lies = tuple(self._false_proposals())

    def explore(self) -> int:
        """Visit every world; how many there are."""
        raise NotImplementedError

    def start(self) -> World:
        """Everybody enters the height."""
        height = StartHeight(1, self.validators, self.case)
        return tuple(
            self.intern(settle(Local(state, ()), effects))
            for state, effects in (
                start_height(key_of(place), height) for place in self.case.correct
            )
        )

    def agree(self) -> None:
        """`Fork` where two could decide differently."""
        for pair in self.together:
            if len({block for _, block in pair}) > 1:
                raise Fork(f"two decisions: {pair}")

    def intern(self, local: Local) -> int:
        """The number of a local state. `Violation` if what it sent accuses it."""
        name = self.name(local)
        if name not in self._numbers:
            check_rules(local)
            self._numbers[name] = len(self.locals)
            self.locals.append(local)
            self.names.append(name)
        return self._numbers[name]

    def name(self, local: Local) -> object:
        """What tells local states apart."""
        raise NotImplementedError

    def bag(self, world: World) -> frozenset[Sent]:
        """All that correct validators have sent."""
        return frozenset(each for number in world for each in self.locals[number].sent)

    def once(
        self, key: tuple[object, ...], work: Callable[[Local], Iterable[Local]]
    ) -> tuple[int, ...]:
        """What comes of a local state, the key's first, worked out when first asked for."""
        if key not in self._worked:
            number = key[0]
            assert isinstance(number, int), "the local state"
            self._worked[key] = tuple(map(self.intern, work(self.locals[number])))
        return self._worked[key]

    def tried(self, local: Local, batches: Iterable[tuple[Input, ...]]) -> Iterator[Local]:
        """What comes of each batch that changes something."""
        for batch in batches:
            after = deliver(local, batch)
            if after is not None and self.name(after) != self.name(local):
                yield after

    def taker(self, message: Sent) -> Callable[[Local], Iterator[Local]]:
        """What comes of a message."""
        batch = (received(message),) if isinstance(message, Vote) else taken(message)
        return lambda local: self.tried(local, (batch,))

    def certificate(
        self, told: Collection[Sent], kind: VoteKind, number: int, choice: bytes
    ) -> list[Vote]:
        """The votes of one that the faulty can make with what was told; none if they cannot."""
        votes = [each for each in votes_in(told, kind, number) if choice in (ANY, each.block_id)]
        votes += [Vote(kind, 1, number, choice, NO_ROUND, key, UNSIGNED) for key in self.liars]
        stake = sum(self.validators.stake_of(each.validator) for each in votes)
        return votes if self.validators.has_quorum(stake) else []

    def note(self, world: World) -> None:
        """Remember what was said in this world."""
        rounds = self.case.rounds
        self.histories.add(
            tuple(
                tuple(each for each in self.locals[number].sent if place_of(each)[0] < rounds)
                for number in world
            )
        )

    def meet(self, decisions: Iterable[Decision]) -> None:
        """Note what can be decided together by two different validators, or by one."""
        for first, second in product(tuple(decisions), repeat=2):
            if first[0] != second[0] or first == second:
                self.together.add(frozenset((first, second)))

    def _false_proposals(self) -> Iterator[ProposalMessage]:
        for number in range(self.case.rounds):
            if number % len(self.case.stakes) not in self.case.faulty:
                continue
            known = [each for made in range(number + 1) for each in self.case.values(made)]
            for block, valid_round in product(known, range(NO_ROUND, number)):
                key = self.case.proposer(1, number)
                proposal = Proposal(1, number, valid_round, id_of(block), key, UNSIGNED)
                yield ProposalMessage(proposal, block, None)


class Unreduced(Explorer):
    """One message at a time, to any validator; decisions are made, and end a validator's part."""

    def explore(self) -> int:
        """Visit every world; how many there are."""
        start = self.start()
        self.note(start)
        seen, waiting = {start}, [start]
        while waiting:
            world = waiting.pop()
            for following in self._following(world):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
                    self.note(following)
                    self.meet(self._decided(following))
        return len(seen)

    def name(self, local: Local) -> object:
        """All that the driver goes by."""
        state = local.state
        if state.decided is not None:
            return state.me, id_of(state.decided.block), local.sent
        counted = frozenset(
            (number, kind, vote.validator, vote.block_id)
            for number in state.tally.rounds
            for kind in VoteKind
            for vote in state.tally.votes(number, kind).values()
        )
        held = tuple(
            (number, each.proposal.block_id, each.proposal.valid_round)
            for number, some in sorted(state.proposals.items())
            for each in some
        )
        known = held, frozenset(state.judged), state.commit, counted, state.tally.quorums
        return state.me, state.round_state, useful(state), known, local.sent

    def _following(self, world: World) -> Iterator[World]:
        bag = self.bag(world)
        for place, number in enumerate(world):
            state = self.locals[number].state
            if state.decided is None and state.round < self.case.rounds:
                for after in self._taking(number, bag):
                    yield (*world[:place], after, *world[place + 1 :])

    def _taking(self, number: int, bag: frozenset[Sent]) -> Iterator[int]:
        yield from self.once((number,), lambda local: self.tried(local, self._any_time(local)))
        for each in bag:
            yield from self.once((number, each), self.taker(each))
        votes = frozenset(each for each in bag if isinstance(each, Vote))
        yield from self.once((number, votes), lambda local: self.tried(local, self._made(votes)))

    def _any_time(self, local: Local) -> Iterator[tuple[Input, ...]]:
        """Its own timers and application, and what the faulty can send whenever they like."""
        yield from answers(local)
        yield from map(taken, self.lies)
        for number, kind, key in product(range(self.case.rounds), VoteKind, self.liars):
            for choice in (*self.ids, None):
                yield (received(Vote(kind, 1, number, choice, NO_ROUND, key, UNSIGNED)),)

    def _made(self, told: Collection[Sent]) -> Iterator[tuple[Input, ...]]:
        """The certificates that can be made of these votes and the faulty ones'."""
        for kind, number, choice in product(VoteKind, range(self.case.rounds), self.ids):
            votes = self.certificate(told, kind, number, choice)
            if votes:
                yield certified(votes)

    def _decided(self, world: World) -> Iterator[Decision]:
        for place, number in zip(self.case.correct, world, strict=True):
            decided = self.locals[number].state.decided
            if decided is not None:
                yield place, id_of(decided.block)
