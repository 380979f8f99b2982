"""What an attacker sends a node, through its own ways in, and what that costs whom: one table.

A node of four validators runs alone, so that nothing moves but what is sent to it; for each row a
new peer sends one message. `docs/refusals.md` has the table; this test makes it, and compares.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import trio

from consensus import signing
from consensus.checkpoints import Checkpoint, SignedCheckpoint, checkpoint_digest
from consensus.messages import (
    CommitMessage,
    Message,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    encode_message,
    polka_from_votes,
)
from consensus.types import (
    UNSIGNED,
    Block,
    Proposal,
    Vote,
    VoteKind,
    block_codec,
    block_id,
    commit_codec,
    proposal_digest,
    vote_digest,
)
from gtxnode.batches.batch import NO_WORK, BatchKind
from gtxnode.chain.rules import build_block
from gtxnode.checkpoints.exchange import checkpoint_protocol
from gtxnode.config import Config, ConsensusConfig
from gtxnode.intake import seal_batch
from gtxnode.ledger.bodies import PledgeSeed
from gtxnode.ledger.parameters import ChainParameters, CheckpointRules
from gtxnode.ledger.wallet import sign
from gtxnode.relay import (
    BatchEnvelope,
    CheckpointEnvelope,
    ConsensusEnvelope,
    Envelope,
    HeadEnvelope,
    channel_name,
    encode_envelope,
)
from gtxnode.sync.wire import (
    BLOCKS_ANSWER,
    BlocksAnswer,
    FinalBlock,
    batches_protocol,
    blocks_protocol,
)
from p2p.errors import RequestFailed
from p2p.identity import PeerId
from p2p.network import Channel, Network, NetworkConfig
from p2p.simulated import SimulatedWorld, Weather
from tests.node.harness import Cluster, authority_key, cluster, key, now_ms, quick_genesis, wallet
from tests.waiting import until

replace = msgspec.structs.replace
INTERVAL = 5
PARAMETERS = ChainParameters(checkpoints=CheckpointRules(interval_blocks=INTERVAL))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "refusals.md"
HEAD = """<!-- Made by `GTX_WRITE_DOCS=1 pytest tests/node/test_bad_input.py`. -->
# What a node refuses of its peers

What comes from outside is refused by one of these names, counted under it, and charged to who sent
it where an honest node could not have. Who is charged often enough is cut off: twice for what is
malformed or wrongly signed, three times for what is invalid. What comes again, late or early is
nobody's fault; two votes that contradict are evidence, whoever brings them. A batch that comes
again, by streams and by gossip, is passed over.

Counters: `gridtokenx_consensus_messages_refused_total`, `gridtokenx_checkpoints_refused_total`,
`gridtokenx_failed_transactions_total` (batches, by the [reasons](errors.md) of transactions), each
by `reason`. Each row is what a node answered to one message through its own ways in.

"""


def public(number: int) -> bytes:
    return signing.public_key(key(number))


class Victim:
    """The node, at height 2, and what is true of its chain."""

    def __init__(self, running: Cluster) -> None:
        self.node = running.nodes[1]
        self.shard = self.node.shard
        self.chain_id = self.shard.chain_id
        self.store = self.shard._store
        self.first = self.next_block(1)

    def next_block(self, height: int, round_: int = 0, ahead_ms: int = 0) -> Block:
        """On the head, as the proposer of a round would make it."""
        sets = self.shard._sets
        return build_block(
            self.store.tip,
            [],
            self.store.last_commit,
            sets.at(height),
            sets.at(height + 1),
            self.proposer(height, round_),
            max(now_ms() + ahead_ms, self.store.tip.time_ms + 1),
        )

    def proposer(self, height: int, round_: int = 0) -> bytes:
        return self.shard._application.proposers(height).proposer(height, round_)

    def round_of(self, number: int) -> int:
        """The first round of height 2 in which a validator proposes."""
        return next(each for each in range(100) if self.proposer(2, each) == public(number))

    async def to_height_two(self, attacker: "Attacker") -> None:
        votes = [self.vote(each, VoteKind.PRECOMMIT, self.first, 1) for each in (2, 3, 4)]
        await attacker.say(CommitMessage(commit_from_votes(votes), self.first))
        await until(lambda: self.store.tip.height == 1)
        await until(
            lambda: (state := self.shard._engine._heights.current) is not None and state.height == 2
        )
        self.second = self.next_block(2, self.round_of(2))

    def vote(
        self,
        number: int,
        kind: VoteKind = VoteKind.PREVOTE,
        block: Block | None = None,
        height: int = 2,
        round_: int = 0,
        chain_id: str | None = None,
    ) -> Vote:
        value = block_id(block.header) if block is not None else None
        vote = Vote(kind, height, round_, value, -1, public(number), UNSIGNED)
        digest = vote_digest(chain_id or self.chain_id, vote)
        return replace(vote, signature=signing.sign(key(number), digest))

    def proposal(self, block: Block | None = None, **changes: object) -> ProposalMessage:
        """Of height 2, signed by the second validator, whatever was changed."""
        block, chain_id = block or self.second, changes.pop("chain_id", self.chain_id)
        bare = Proposal(2, self.round_of(2), -1, block_id(block.header), public(2), UNSIGNED)
        bare = replace(bare, **changes)
        signature = signing.sign(key(2), proposal_digest(str(chain_id), bare))
        return ProposalMessage(replace(bare, signature=signature), block, None)

    def votes(self, kind: VoteKind, *numbers: int, height: int = 2) -> list[Vote]:
        return [self.vote(each, kind, self.second, height) for each in numbers]

    def polka(self, *numbers: int, height: int = 2) -> PolkaMessage:
        return PolkaMessage(polka_from_votes(self.votes(VoteKind.PREVOTE, *numbers, height=height)))

    def commit(self, *numbers: int, height: int = 2) -> CommitMessage:
        votes = self.votes(VoteKind.PRECOMMIT, *numbers, height=height)
        return CommitMessage(commit_from_votes(votes), self.second)

    def word(self, height: int, place: int = 0, chain_id: str = "") -> CheckpointEnvelope:
        stated = Checkpoint(chain_id or self.chain_id, 0, height, *[bytes(32)] * 4)
        signer = authority_key(place)
        signature = signing.sign(signer, checkpoint_digest(stated))
        return CheckpointEnvelope(SignedCheckpoint(stated, signing.public_key(signer), signature))

    def batch(
        self, sent: Sequence[bytes], chain_id: str = "", parent: bytes | None = None
    ) -> BatchEnvelope:
        at = (self.store.tip.height, parent or self.store.tip.id)
        producer = key(77)
        sealed = seal_batch(
            chain_id or self.chain_id, BatchKind.ORDINARY, at, sent, NO_WORK, producer
        )
        return BatchEnvelope(sealed.encoded)


@dataclass
class Attacker:
    """A peer on the node's channel."""

    network: Network
    channel: Channel
    victim: PeerId

    async def send(self, data: bytes) -> None:
        await self.channel.send(self.victim, data)

    async def tell(self, envelope: Envelope) -> None:
        await self.send(encode_envelope(envelope))

    async def say(self, *messages: Message) -> None:
        for message in messages:
            await self.tell(ConsensusEnvelope(encode_message(message)))

    async def claim(self, at: Victim, answer: bytes) -> None:
        """Say that a block is final that the node has not, and answer so when it is asked for."""

        async def answered(peer: PeerId, payload: bytes) -> bytes:
            await trio.lowlevel.checkpoint()
            return answer

        self.network.serve(blocks_protocol(at.chain_id), answered)
        await self.tell(HeadEnvelope(2, bytes(32)))

    async def ask(self, protocol: str, payload: bytes) -> None:
        with pytest.raises(RequestFailed):
            await self.network.request(self.victim, protocol, payload, timeout_s=5)


@asynccontextmanager
async def attacker(running: Cluster, number: int) -> AsyncIterator[Attacker]:
    node = running.nodes[1]
    config = NetworkConfig(private_key=key(5_000 + number), bootstrap=node.network.addresses())
    async with (
        running.world.open(config) as network,
        network.channel(channel_name(node.shard.chain_id)) as channel,
    ):
        await until(lambda: node.network.peer_id in channel.peers())
        yield Attacker(network, channel, node.network.peer_id)


class Answer(NamedTuple):
    """What is answered when the node asks for blocks up to the height that the peer claims."""

    data: bytes


class Question(NamedTuple):
    """What is asked under a protocol."""

    protocol: str
    payload: bytes


Sent = Sequence[Envelope | bytes] | Question | Answer
"""On the channel, or otherwise."""


@dataclass
class Row:
    """One kind of message in one malformation. `before` goes first, and is taken."""

    kind: str
    wrong: str
    send: Callable[[Victim], Sent]
    before: Callable[[Victim], Sequence[Envelope]] = lambda victim: ()


def consensus(*messages: Message) -> Sent:
    return [ConsensusEnvelope(encode_message(each)) for each in messages]


def unsigned_vote(at: Victim) -> Vote:
    return replace(at.vote(2), signature=bytes(64))


def act(at: Victim, chain_id: str = "") -> bytes:
    return sign(chain_id or at.chain_id, PledgeSeed(0, bytes(32)), wallet(1)).encoded


def unsigned_batch(at: Victim) -> BatchEnvelope:
    data = bytearray(at.batch([act(at)]).batch)
    data[-1] ^= 1
    return BatchEnvelope(bytes(data))


def final(message: CommitMessage) -> Answer:
    found = FinalBlock(block_codec.encode(message.block), commit_codec.encode(message.commit))
    return Answer(BLOCKS_ANSWER.encode(BlocksAnswer((found,))))


def early(at: Victim) -> VoteMessage:
    return VoteMessage(at.vote(2, height=3))


GARBAGE = b"\xc1"
OTHER = "other/geo_bangkok"
PREVOTE, PRECOMMIT = VoteKind.PREVOTE, VoteKind.PRECOMMIT

ROWS = [
    Row("anything", "malformed", lambda at: [GARBAGE]),
    Row("anything", "oversized", lambda at: [bytes(255_000)]),
    Row("consensus message", "malformed", lambda at: [ConsensusEnvelope(GARBAGE)]),
    Row("vote", "wrongly signed", lambda at: consensus(VoteMessage(unsigned_vote(at)))),
    Row("vote", "other chain", lambda at: consensus(VoteMessage(at.vote(2, chain_id=OTHER)))),
    Row(
        "vote",
        "other validator's name",
        lambda at: consensus(VoteMessage(replace(at.vote(2), validator=public(3)))),
    ),
    Row("vote", "nobody's", lambda at: consensus(VoteMessage(at.vote(40)))),
    Row("vote", "stale height", lambda at: consensus(VoteMessage(at.vote(2, height=1)))),
    Row("vote", "far future height", lambda at: consensus(VoteMessage(at.vote(2, height=90)))),
    Row(
        "vote",
        "future rounds, many",
        lambda at: consensus(*(VoteMessage(at.vote(3, round_=each)) for each in range(1, 70))),
    ),
    Row(
        "vote",
        "duplicate",
        lambda at: consensus(VoteMessage(at.vote(4))),
        lambda at: [ConsensusEnvelope(encode_message(VoteMessage(at.vote(4))))],
    ),
    Row("vote", "contradicts", lambda at: consensus(VoteMessage(at.vote(4, block=at.first)))),
    Row(
        "early vote",
        "duplicate",
        lambda at: consensus(early(at), early(at)),
    ),
    Row(
        "late precommit",
        "wrongly signed",
        lambda at: consensus(
            VoteMessage(replace(at.vote(1, PRECOMMIT, at.first, 1), signature=bytes(64)))
        ),
    ),
    Row(
        "late precommit",
        "duplicate",
        lambda at: consensus(VoteMessage(at.vote(2, PRECOMMIT, at.first, 1))),
    ),
    Row(
        "proposal",
        "wrongly signed",
        lambda at: consensus(
            replace(at.proposal(), proposal=replace(at.proposal().proposal, signature=bytes(64)))
        ),
    ),
    Row("proposal", "other chain", lambda at: consensus(at.proposal(chain_id=OTHER))),
    Row(
        "proposal",
        "other chain's block",
        lambda at: consensus(
            replace(
                at.proposal(),
                block=replace(at.second, header=replace(at.second.header, chain_id=OTHER)),
            )
        ),
    ),
    Row(
        "proposal",
        "other validator's name",
        lambda at: consensus(at.proposal(proposer=public(3))),
    ),
    Row(
        "proposal",
        "other validator's turn",
        lambda at: consensus(at.proposal(round=at.round_of(3))),
    ),
    Row("proposal", "another block", lambda at: consensus(at.proposal(block_id=bytes(32)))),
    Row(
        "proposal",
        "bad valid round",
        lambda at: consensus(at.proposal(valid_round=at.round_of(2))),
    ),
    Row("proposal", "stale height", lambda at: consensus(at.proposal(height=1))),
    Row("proposal", "far future height", lambda at: consensus(at.proposal(height=90))),
    Row("proposal", "far future round", lambda at: consensus(at.proposal(round=9_000))),
    Row("polka", "too few", lambda at: consensus(at.polka(2, 3))),
    Row(
        "polka",
        "wrongly signed",
        lambda at: consensus(PolkaMessage(replace(at.polka(2, 3, 4).polka, round=7))),
    ),
    Row(
        "polka",
        "one signer twice",
        lambda at: consensus(
            PolkaMessage(replace(at.polka(2).polka, signatures=at.polka(2).polka.signatures * 3))
        ),
    ),
    Row("polka", "nobody's", lambda at: consensus(at.polka(40, 41, 42))),
    Row("polka", "stale height", lambda at: consensus(at.polka(2, 3, 4, height=1))),
    Row("commit", "too few", lambda at: consensus(at.commit(2, 3))),
    Row(
        "commit",
        "wrongly signed",
        lambda at: consensus(
            replace(at.commit(2, 3, 4), commit=replace(at.commit(2, 3, 4).commit, round=7))
        ),
    ),
    Row(
        "commit",
        "another block",
        lambda at: consensus(replace(at.commit(2, 3, 4), block=at.first)),
    ),
    Row("commit", "stale height", lambda at: consensus(at.commit(2, 3, 4, height=1))),
    Row("checkpoint's word", "malformed", lambda at: [b"\x92\x06\xc0"]),
    Row(
        "checkpoint's word",
        "wrongly signed",
        lambda at: [CheckpointEnvelope(replace(at.word(INTERVAL).word, signature=bytes(64)))],
    ),
    Row("checkpoint's word", "other chain", lambda at: [at.word(INTERVAL, chain_id=OTHER)]),
    Row("checkpoint's word", "nobody's", lambda at: [at.word(INTERVAL, 9)]),
    Row("checkpoint's word", "no checkpoint's height", lambda at: [at.word(INTERVAL + 1)]),
    Row("checkpoint's word", "far future height", lambda at: [at.word(100 * INTERVAL)]),
    Row(
        "checkpoint's word",
        "duplicate",
        lambda at: [at.word(INTERVAL)],
        lambda at: [at.word(INTERVAL)],
    ),
    Row("batch", "malformed", lambda at: [BatchEnvelope(GARBAGE)]),
    Row("batch", "wrongly signed", lambda at: [unsigned_batch(at)]),
    Row("batch", "other chain", lambda at: [at.batch([act(at)], OTHER)]),
    Row("batch", "other chain's transaction", lambda at: [at.batch([act(at, OTHER)])]),
    Row("batch", "another parent", lambda at: [at.batch([act(at)], parent=bytes(32))]),
    Row("batch", "not who may send it", lambda at: [at.batch([act(at)])]),
    Row("blocks that were asked for", "malformed", lambda at: Answer(GARBAGE)),
    Row(
        "blocks that were asked for",
        "none",
        lambda at: Answer(BLOCKS_ANSWER.encode(BlocksAnswer(()))),
    ),
    Row("blocks that were asked for", "too few signed", lambda at: final(at.commit(2, 3))),
    Row(
        "blocks that were asked for",
        "wrongly signed",
        lambda at: final(
            replace(at.commit(2, 3, 4), commit=replace(at.commit(2, 3, 4).commit, round=7))
        ),
    ),
    Row(
        "blocks that were asked for",
        "another height",
        lambda at: final(replace(at.commit(2, 3, 4), block=at.first)),
    ),
    Row(
        "blocks that were asked for",
        "other chain",
        lambda at: final(
            replace(
                at.commit(2, 3, 4),
                block=replace(at.second, header=replace(at.second.header, chain_id=OTHER)),
            )
        ),
    ),
    Row(
        "request for blocks",
        "malformed",
        lambda at: Question(blocks_protocol(at.chain_id), GARBAGE),
    ),
    Row(
        "request for blocks",
        "oversized",
        lambda at: Question(blocks_protocol(at.chain_id), msgspec.msgpack.encode((1, 100_000))),
    ),
    Row(
        "request for batches",
        "malformed",
        lambda at: Question(batches_protocol(at.chain_id), GARBAGE),
    ),
    Row(
        "request for batches",
        "oversized",
        lambda at: Question(
            batches_protocol(at.chain_id), msgspec.msgpack.encode(([bytes(32)] * 65,))
        ),
    ),
    Row(
        "request for checkpoints",
        "malformed",
        lambda at: Question(checkpoint_protocol(at.chain_id), GARBAGE),
    ),
]


def refusals(at: Victim) -> Counter[str]:
    """All that the node has counted so far."""
    recorder = at.node.recorder
    return Counter((*recorder.refused, *recorder.refused_checkpoints))


async def outcome(at: Victim, by: Attacker, row: Row) -> tuple[str, str]:
    """The reason that was counted, and what the sender was charged with."""
    for envelope in row.before(at):
        await by.tell(envelope)
    offences = at.node.network.counters.offences
    before, charged = refusals(at), dict(offences)
    evidence, made = at.node.recorder.evidence_found, row.send(at)
    if isinstance(made, Question):
        await by.ask(*made)
    elif isinstance(made, Answer):
        await by.claim(at, made.data)
    else:
        for each in made:
            await (by.send(each) if isinstance(each, bytes) else by.tell(each))
    await until(lambda: refusals(at) != before or at.node.recorder.evidence_found > evidence)
    new = sorted(refusals(at) - before)
    charges = [each for each in offences if offences[each] > charged.get(each, 0)]
    return ", ".join(f"`{each}`" for each in new) or "evidence", ", ".join(charges) or "nobody"


def page(rows: list[tuple[Row, tuple[str, str]]]) -> str:
    lines = ["| what | how | refused as | its sender is charged |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.kind} | {row.wrong} | {out[0]} | {out[1]} |" for row, out in rows]
    return "\n".join(lines) + "\n"


async def test_each_is_refused_by_name_counted_and_charged_as_the_page_says(
    tmp_path: Path,
) -> None:
    genesis = quick_genesis(4, parameters=PARAMETERS)
    rows: list[tuple[Row, tuple[str, str]]] = []
    async with cluster(tmp_path, genesis, 0, SimulatedWorld(1, Weather())) as running:
        running.config = replace(Config(), consensus=ConsensusConfig(look_first=False))
        await running.start(1)
        at = Victim(running)
        async with attacker(running, 0) as by:
            await at.to_height_two(by)
        for number, row in enumerate(ROWS, 1):
            async with attacker(running, number) as by:
                rows.append((row, await outcome(at, by, row)))
        # It goes on as if nothing had been.
        assert at.store.tip.height == 1
        async with attacker(running, 0) as by:
            await by.say(at.commit(2, 3, 4))
            await until(lambda: at.store.tip.height == 2)
    if os.environ.get("GTX_WRITE_DOCS"):
        PAGE.write_text(HEAD + page(rows), encoding="utf-8")
    assert HEAD + page(rows) == PAGE.read_text(encoding="utf-8"), "GTX_WRITE_DOCS=1 makes it anew"
