"""Faulty validators, named by what they do. They sign with their own keys only."""

from consensus.events import BuildValue, Decided, Effect, Evidence, Persist, Send, ValueBuilt
from consensus.messages import CommitMessage
from tests.simulation.node import Node, Surroundings, make_block


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
