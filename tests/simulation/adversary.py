"""Faulty validators, named by what they do. They sign with their own keys only."""

from dataclasses import replace

import msgspec

from consensus.driver import start_height
from consensus.events import BuildValue, Decided, Effect, Evidence, Input, Persist, Send, ValueBuilt
from consensus.messages import (
    CommitMessage,
    Message,
    ProposalMessage,
    VoteMessage,
    votes_of_commit,
)
from consensus.progress import advance
from consensus.round import NO_ROUND, NewRound, RoundState, Step
from consensus.timeliness import MAX_WAIT_MS
from consensus.types import UNSIGNED, Proposal, Vote, VoteKind, block_id
from tests.simulation.attendance import LATE_HEIGHTS
from tests.simulation.blocks import make_block
from tests.simulation.inputs import signed_proposal, signed_vote
from tests.simulation.node import EPOCH_MS, Node, Surroundings
from tests.simulation.reveals import value


class Withholder(Node):
    """Sends each message to some and not to others, and proposes what is invalid at times."""

    def perform(self, effect: Effect) -> None:
        """As a correct node, but for whom it tells."""
        rng = self._world.rng
        match effect:
            case Send(message):
                for peer in self._world.peers(self):
                    if rng.random() < 0.5:
                        self._world.send(self, peer, message)
            case BuildValue(height, round_) if rng.random() < 0.3:
                last = self.disk.blocks.get(height - 1)
                content = f"invalid {height} {round_}".encode()
                block = make_block(height, content, last, self.key)
                self._later(1, ValueBuilt(height, round_, block))
            case Evidence():
                pass
            case _:
                super().perform(effect)


class Mute(Node):
    """Votes, but proposes nothing."""

    def perform(self, effect: Effect) -> None:
        """As a correct node, but for its turns."""
        if not isinstance(effect, BuildValue):
            super().perform(effect)


class Deserter(Node):
    """Proposes until the network's faults have ended, and never after."""

    def perform(self, effect: Effect) -> None:
        """As a correct node, but for its later turns."""
        if not isinstance(effect, BuildValue) or self._world.now_ms < self._world.healed_ms:
            super().perform(effect)


class Equivocator(Node):
    """One of two faces of one key: each builds its own blocks, votes on what it sees, and
    talks to its own part of the network. Together they sign everything twice."""

    def __init__(
        self, name: str, key: bytes, world: Surroundings, audience: frozenset[str]
    ) -> None:
        super().__init__(name, key, world)
        self.audience = audience

    def perform(self, effect: Effect) -> None:
        """As a correct node without a memory, to its own audience."""
        match effect:
            case Send(message):
                for peer in sorted(self.audience):
                    self._world.send(self, peer, message)
            case Persist() | Evidence():
                pass
            case Decided(block, commit):
                self.disk.store(CommitMessage(commit, block))
                self._enter(commit.height + 1, ())
            case _:
                super().perform(effect)


class Twin(Node):
    """One of two machines that run with one key, each in good faith: an operator's mistake."""

    def perform(self, effect: Effect) -> None:
        """As a correct node; that its own key signs twice it does not report."""
        if not isinstance(effect, Evidence):
            super().perform(effect)


class Amnesiac(Node):
    """Forgets what it is locked on as soon as it has voted; it never signs twice."""

    def _step(self, event: Input) -> None:
        super()._step(event)
        machine = self.state.round_state
        if machine.locked_round != NO_ROUND and self.state.decided is None:
            forgotten = RoundState(machine.round, machine.step)
            self.state = replace(self.state, round_state=forgotten)


class Renegade(Amnesiac):
    """An amnesiac that forgets decisions too, and goes on with the height's next round."""

    def perform(self, effect: Effect) -> None:
        """As if the height had not been decided."""
        match effect:
            case Decided(_, commit):
                self.lives += 1  # What the old state asked for is void.
                left = max(self.state.round, commit.round)
                state, _ = start_height(self.key, self.state.start)
                state = replace(state, round_state=RoundState(left, Step.UNSTARTED), to_sign=())
                self.state, effects = advance(state, (), NewRound(left + 1, False))
                self._perform(effects)
            case Persist() | Evidence():
                pass
            case _:
                super().perform(effect)


LIES_MS = (-EPOCH_MS, -5_000, 400, 600, 3_000, MAX_WAIT_MS - 100, MAX_WAIT_MS + 100, 10**9)


class Liar(Node):
    """Puts any time into its blocks: before the parent, just within the bounds, far beyond."""

    def block_time_ms(self, parent_ms: int) -> int:
        """Anything but the time."""
        rng = self._world.rng
        return rng.choice((parent_ms, parent_ms + 1, self.clock_ms + rng.choice(LIES_MS)))


class Forger(Node):
    """Reveals what it likes: another turn's value, another validator's, nonsense, or nothing."""

    def reveal(self, last: CommitMessage | None) -> bytes | None:
        """At times even the right one."""
        rng = self._world.rng
        others = [each.public_key for each in self.state.start.validators]
        turn = rng.randint(1, self.state.height + 3)
        right = super().reveal(last)
        return rng.choice(
            (right, None, value(self.key, turn), value(rng.choice(others), turn), bytes(32))
        )


class Starver(Node):
    """Leaves a rival's precommits out wherever it can, and others' late ones; at times it carries
    what has counted before, or what counts for nothing."""

    def carried(self, last: CommitMessage | None) -> tuple[CommitMessage | None, tuple[Vote, ...]]:
        """As few precommits as will do, or wrong ones."""
        last, late = super().carried(last)
        if last is None:
            return last, late
        rng = self._world.rng
        if rng.random() < 0.2:
            height = rng.randint(max(1, last.commit.height - LATE_HEIGHTS - 1), last.commit.height)
            found = votes_of_commit(self.disk.blocks[height].commit)
            return last, (rng.choice(found),)
        rival = max(each.public_key for each in self._world.validators)
        left = tuple(each for each in last.commit.signatures if each.validator != rival)
        if self._world.validators.has_quorum(len(left)):
            last = CommitMessage(msgspec.structs.replace(last.commit, signatures=left), last.block)
        return last, ()


class LateVoter(Node):
    """Says everything, but long after it was due."""

    def perform(self, effect: Effect) -> None:
        """As a correct node with a very bad connection outwards."""
        if isinstance(effect, Send):
            delay_ms = self._world.rng.randint(100, 2_500)
            self._world.later(delay_ms, lambda: self._tell(effect.message))
        elif not isinstance(effect, Evidence):
            super().perform(effect)

    def _tell(self, message: Message) -> None:
        for peer in self._world.peers(self):
            self._world.send(self, peer, message)


REPLAYED_MESSAGES = 200
REPLAY_EVERY_MS = 100


class Replayer(Node):
    """Sends again what others have signed, at any later time, to anybody."""

    def __init__(self, name: str, key: bytes, world: Surroundings) -> None:
        super().__init__(name, key, world)
        self._kept: list[object] = []

    def boot(self) -> None:
        """And begins to replay."""
        super().boot()
        self._world.later(REPLAY_EVERY_MS, self._replay)

    def receive(self, sender: str, message: object) -> None:
        """Keeps it, in the place of any other when there are many."""
        if len(self._kept) < REPLAYED_MESSAGES:
            self._kept.append(message)
        else:
            self._kept[self._world.rng.randrange(REPLAYED_MESSAGES)] = message
        super().receive(sender, message)

    def _replay(self) -> None:
        rng = self._world.rng
        for peer in self._world.peers(self):
            for message in rng.sample(self._kept, min(3, len(self._kept))):
                self._world.send(self, peer, message)
        self._world.later(REPLAY_EVERY_MS, self._replay)


FLOOD_EVERY_MS = 100
FLOOD_ROUNDS = (0, 1, 2, 3, 4, 5, 9, 33, 40, 1_000, 2**31 - 1)


class Flooder(Node):
    """Signs all that is well-formed, again and again: votes for anything in any round, and
    proposals of any value with any valid round wherever it is the proposer."""

    def boot(self) -> None:
        """And begins to flood."""
        super().boot()
        self._world.later(FLOOD_EVERY_MS, self._flood)

    def perform(self, effect: Effect) -> None:
        """As a correct node; about its own key it says nothing."""
        if not isinstance(effect, Evidence):
            super().perform(effect)

    def _flood(self) -> None:
        for peer in self._world.peers(self):
            for _ in range(4):
                self._world.send(self, peer, self._anything())
        self._world.later(FLOOD_EVERY_MS, self._flood)

    def _anything(self) -> VoteMessage | ProposalMessage:
        rng, height = self._world.rng, self.state.height
        height = max(1, height + rng.choice((0, 0, 0, 0, 0, 1, -1)))
        round_ = rng.choice((self.state.round, self.state.round + 1, *FLOOD_ROUNDS))
        content = rng.choice((b"x", b"y", b"invalid"))
        last = self.disk.blocks.get(height - 1)
        block = make_block(height, content, last, self.key)
        value = rng.choice((block_id(block.header), self._at_hand(), None))
        valid_round = rng.randint(-1, min(round_ - 1, 5)) if round_ else -1
        ours = self.proposers.proposer(height, round_) == self.key
        if ours and rng.random() < 0.5 and (last is not None or height == 1):
            choice = block_id(block.header)
            proposal = Proposal(height, round_, valid_round, choice, self.key, UNSIGNED)
            return ProposalMessage(signed_proposal(proposal), block, None)
        kind = rng.choice((VoteKind.PREVOTE, VoteKind.PRECOMMIT))
        if kind is VoteKind.PRECOMMIT or value is None:
            valid_round = NO_ROUND
        vote = signed_vote(Vote(kind, height, round_, value, valid_round, self.key, UNSIGNED))
        if rng.random() < 0.3:  # A signer can make any number of signatures for one message.
            vote = msgspec.structs.replace(vote, signature=rng.randbytes(64))
        return VoteMessage(vote)

    def _at_hand(self) -> bytes | None:
        """A value that others may be voting for."""
        held = [each for some in self.state.proposals.values() for each in some]
        return self._world.rng.choice(held).proposal.block_id if held else None
