"""Every interleaving of one height: a few validators, the faulty among them free to do anything.

The correct ones are the real driver; its state is a value, so a world is a tuple of them, and
each world is visited once. A faulty validator may propose any block with any valid round
where it is the proposer, may send to each correct one any vote in any round at any time, and
certificates that others' votes and its own make up. Messages arrive in any order, at any time or
never; timers fire at any time.

The bound: so many rounds; a faulty proposer makes up two blocks and a correct one its own; all
blocks are valid; nobody crashes. `Unreduced` takes one message at a time. `Reduced` visits far
fewer worlds and finds the same decisions, for these reasons:

- *Silence.* What a validator takes without sending anything commutes with all that others do:
  nobody sees it, and messages once sent can be had for ever. So it is put off until just before
  the validator's next message that needs it, and worlds differ in what was sent.
- *Batches.* A vote that changes nothing by itself is put off until the one that does. So the
  votes that are counted tell no two states apart, nor do proposals and quorums of past rounds:
  whoever lacks them can still have them. A faulty one's vote takes its place for good, but a
  certificate gets round that, and for "any" quorums all its votes are alike: so it votes nil, or
  for what others vote for.
- *Order.* A message of a place (round, then proposal, prevote, precommit) is sent because of
  messages of earlier places. The one exception is the skip to a later round (55), and who was
  there first came by two thirds of the precommits of the round before (65-67), which the one that
  skips can have too. So places are gone through in order, and whoever is silent in one either
  speaks no more in that round or could have spoken then.
- *Decisions.* Who has decided is silent, as one may be anyhow. So nobody decides; of the last
  worlds, in which all that was ever sent is still there, it is asked who could decide what.
- *Sameness.* After a place it matters who is locked on what and which thresholds the votes can
  reach, not whose votes they are. Worlds that agree in that are one.

`Order` holds for any driver that keeps its rounds apart; the rest for any. `test_exhaustive.py`
compares both explorers where `Unreduced` comes to an end: what can be said, and what decided.
"""

from collections.abc import Callable, Iterator
from itertools import product

from consensus.messages import (
    ProposalMessage,
)
from consensus.round import NO_ROUND
from consensus.types import UNSIGNED, Vote, VoteKind
from tests.simulation.explorer import ANY, Case, Decision, Explorer, World
from tests.simulation.local import (
    Local,
    Place,
    Sent,
    answers,
    certified,
    deliver,
    id_of,
    place_of,
    received,
    useful,
    votes_in,
)


class Reduced(Explorer):
    """Place by place, from message to message. Without `merging`, worlds are not made one."""

    def __init__(self, case: Case, *, merging: bool = True) -> None:
        super().__init__(case)
        self._merging = merging
        self._outcomes: dict[tuple[int, frozenset[Sent], Place], tuple[int, ...]] = {}
        self._known: dict[object, int] = {}
        self._speeches: dict[int, int] = {}
        self._essences: dict[int, int] = {}
        self._thresholds: dict[tuple[int, ...], object] = {}
        self._decidable: dict[tuple[int, frozenset[Vote], int, bytes], bytes | None] = {}

    def explore(self) -> int:
        """Visit every world; how many there are."""
        worlds, visited = [self.start()], 0
        for place in product(range(self.case.rounds), range(3)):
            found = {
                self._canonical(after): after
                for world in worlds
                for after in self._following(world, place)
            }
            worlds = list(found.values())
            visited += len(worlds)
        for world in worlds:
            self.note(world)
            self.meet(self._decisions(world))
        return visited

    def _canonical(self, world: World) -> object:
        """What of a world matters: not who voted for what, but what that can come to."""
        if not self._merging:
            return world
        said = tuple(self._said(number) for number in world)
        if said not in self._thresholds:
            self._thresholds[said] = self._reached(self.bag(world))
        return tuple(map(self._essence, world)), self._thresholds[said]

    def _said(self, number: int) -> int:
        """All that was sent, as a number."""
        if number not in self._speeches:
            sent = self.locals[number].sent
            self._speeches[number] = self._known.setdefault(sent, len(self._known))
        return self._speeches[number]

    def _essence(self, number: int) -> int:
        """A local state, as a number, without the votes that it sent, but for what it locked on:
        that is all that later votes are held against."""
        if number not in self._essences:
            local = self.locals[number]
            kept = tuple(each for each in local.sent if _binds(each))
            name = self.name(Local(local.state, kept))
            self._essences[number] = self._known.setdefault(name, len(self._known))
        return self._essences[number]

    def _reached(self, bag: frozenset[Sent]) -> frozenset[object]:
        """The thresholds that the votes sent so far can reach, with the faulty ones' help."""
        return frozenset(
            (kind, number, choice)
            for kind, number in product(VoteKind, range(self.case.rounds))
            for choice in (*self.ids, ANY)
            if self.certificate(bag, kind, number, choice)
        )

    def name(self, local: Local) -> object:
        """Of the current round, and without votes: what was missed can be had when it is needed."""
        state = local.state
        held = tuple(
            (
                each.proposal.block_id,
                each.proposal.valid_round,
                each.proposal.block_id in state.judged,
            )
            for each in state.proposals.get(state.round, ())
        )
        quorums = frozenset(
            each for each in state.tally.quorums if each[1] == state.round and each[2] is not None
        )
        return state.me, state.round_state, useful(state), held, quorums, local.sent

    def _following(self, world: World, place: Place) -> Iterator[World]:
        """What each may have sent in this place, and the chance that it sends nothing."""
        bag = self.bag(world)
        choices = [(number, *self._next(number, bag, place)) for number in world]
        return product(*choices)

    def _next(self, number: int, bag: frozenset[Sent], place: Place) -> tuple[int, ...]:
        """The local states in which a message of this place was just sent."""
        key = (number, bag, place)
        if key not in self._outcomes:
            found = set(self._search(number, bag, place))
            self._outcomes[key] = tuple(
                each
                for each in sorted(found)
                if not any(self._leads(other, each) for other in found)
            )
        return self._outcomes[key]

    def _leads(self, first: int, second: int) -> bool:
        """Whether the second comes of the first by taking more, without a word."""
        if first == second:
            return False
        _, machine, running, held, quorums, sent = self.names[first]
        _, other_machine, other_running, other_held, other_quorums, other_sent = self.names[second]
        return (
            (machine, sent) == (other_machine, other_sent)
            and running <= other_running
            and held == other_held[: len(held)]
            and quorums <= other_quorums
        )

    def _search(self, number: int, bag: frozenset[Sent], place: Place) -> Iterator[int]:
        seen, waiting = {number}, [number]
        said = len(self.locals[number].sent)
        while waiting:
            for following in self._taking(waiting.pop(), bag):
                after = self.locals[following]
                if after.state.decided is not None or after.state.round > place[0]:
                    continue
                if len(after.sent) > said:
                    if place_of(after.sent[said]) == place:
                        yield following
                elif following not in seen:
                    seen.add(following)
                    waiting.append(following)

    def _taking(self, number: int, bag: frozenset[Sent]) -> Iterator[int]:
        """After each batch that changes something and can matter in the current round."""
        state = self.locals[number].state
        yield from self.once((number,), lambda local: self.tried(local, answers(local)))
        proposed = (each for each in bag if isinstance(each, ProposalMessage))
        for each in (*proposed, *self.lies):
            if each.proposal.round == state.round:
                yield from self.once((number, each.proposal), self.taker(each))
        named = {each.proposal.valid_round for each in state.proposals.get(state.round, ())}
        past = [(VoteKind.PREVOTE, each) for each in sorted(named - {NO_ROUND})]
        for kind, round_ in (*past, *((kind, state.round) for kind in VoteKind)):
            told = tuple(sorted(votes_in(bag, kind, round_), key=lambda each: each.validator))
            yield from self.once((number, kind, round_, told), self._teller(kind, round_, told))

    def _teller(
        self, kind: VoteKind, round_: int, told: tuple[Vote, ...]
    ) -> Callable[[Local], Iterator[Local]]:
        """Each set of these votes and the faulty ones', and the polkas that they make."""

        def work(local: Local) -> Iterator[Local]:
            choices = sorted(
                {vote.block_id for vote in told} | {None}, key=lambda each: each or ANY
            )
            lies = [
                [Vote(kind, 1, round_, choice, NO_ROUND, key, UNSIGNED) for choice in choices]
                for key in self.liars
            ]
            yield from self._counting(local, [*([vote] for vote in told), *lies])
            if kind is VoteKind.PREVOTE:
                named = (choice for choice in choices if choice is not None)
                polkas = (self.certificate(told, kind, round_, choice) for choice in named)
                yield from self.tried(local, [certified(votes) for votes in polkas if votes])

        return work

    def _counting(self, local: Local, voters: list[list[Vote]]) -> Iterator[Local]:
        """Each set of votes of which the last, and no earlier one, changes something."""
        name = self.name(local)
        for first, choices in enumerate(voters):
            for vote in choices:
                after = deliver(local, (received(vote),))
                if after is None:
                    continue
                if self.name(after) != name:
                    yield after
                else:
                    yield from self._counting(after, voters[first + 1 :])

    def _decisions(self, world: World) -> Iterator[Decision]:
        bag = self.bag(world)
        for place, number in zip(self.case.correct, world, strict=True):
            for round_, choice in product(range(self.case.rounds), self.ids):
                if self._decides(number, bag, round_, choice):
                    yield place, choice

    def _decides(self, number: int, bag: frozenset[Sent], round_: int, choice: bytes) -> bool:
        """Whether all precommits for a block, the faulty ones' too, let a validator decide."""
        votes = frozenset(
            each for each in votes_in(bag, VoteKind.PRECOMMIT, round_) if each.block_id == choice
        )
        key = (number, votes, round_, choice)
        if key not in self._decidable:
            self._decidable[key] = None
            certified_votes = self.certificate(bag, VoteKind.PRECOMMIT, round_, choice)
            if certified_votes:
                after = deliver(self.locals[number], certified(certified_votes))
                if after is not None and after.state.decided is not None:
                    self._decidable[key] = id_of(after.state.decided.block)
        return self._decidable[key] == choice


def _binds(message: Sent) -> bool:
    match message:
        case Vote(kind=VoteKind.PRECOMMIT, block_id=bytes()) | ProposalMessage():
            return True
    return False
