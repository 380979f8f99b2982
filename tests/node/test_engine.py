"""The engine carries inputs in and effects out: in order, once, and also after a crash."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from consensus import signing
from consensus.messages import (
    CommitMessage,
    Message,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    decode_message,
    encode_message,
    polka_from_votes,
)
from consensus.presence import Window
from consensus.proposers import ProposerWeights, WeightedSchedule
from consensus.state import MAX_FUTURE_PROPOSALS
from consensus.timeouts import Timeouts
from consensus.types import (
    UNSIGNED,
    Block,
    Commit,
    Proposal,
    Vote,
    VoteKind,
    block_id,
    proposal_digest,
    vote_digest,
)
from consensus.validators import Validator, ValidatorSet
from gtxnode.application import Diverged
from gtxnode.chain.rules import Tip, build_block
from gtxnode.engine import Engine, Pace, SignedElsewhere, Voice
from gtxnode.engine.early import EARLY_BYTES, EARLY_BYTES_PER_PEER, Early
from gtxnode.engine.inbound import FUTURE_VOTES_BURST
from gtxnode.relay import ConsensusEnvelope, Envelope, HeadEnvelope
from gtxnode.signer import Signer, Step, WouldSignTwice
from p2p.errors import NotConnected
from p2p.identity import PeerId
from p2p.network import Offence
from storage.errors import JournalFailed
from storage.journal import Journal
from tests.waiting import until

CHAIN = "test/geo_bangkok"
GENESIS_ID = b"\x07" * 32
KEYS = [(number + 1).to_bytes(32, "big") for number in range(4)]
VALIDATORS = ValidatorSet([Validator(signing.public_key(key), 1) for key in KEYS])
SCHEDULE = WeightedSchedule(CHAIN, VALIDATORS, GENESIS_ID, ProposerWeights())
MINUTE_MS = 60_000
PEER = PeerId("peer")


def key_of(public: bytes) -> bytes:
    return next(key for key in KEYS if signing.public_key(key) == public)


def proposer(height: int, round_: int = 0) -> bytes:
    return key_of(SCHEDULE.proposer(height, round_))


# Ours proposes nothing in the first round of the first three heights.
OURS = next(key for key in KEYS if key not in {proposer(1), proposer(2), proposer(3)})
OTHERS = [key for key in KEYS if key != OURS]


def block_on(
    tip: Tip, last_commit: Commit | None, payload: bytes = b"\x01" * 32, round_: int = 0
) -> Block:
    return build_block(
        tip,
        [payload],
        last_commit,
        VALIDATORS,
        VALIDATORS,
        signing.public_key(proposer(tip.height + 1, round_)),
        tip.time_ms + 1_000,
    )


GENESIS = Tip(CHAIN, 0, GENESIS_ID, 0, b"\x00" * 32)
FIRST = block_on(GENESIS, None)


def proposal(block: Block, round_: int = 0) -> ProposalMessage:
    height = block.header.height
    private = proposer(height, round_)
    public = signing.public_key(private)
    unsigned = Proposal(height, round_, -1, block_id(block.header), public, UNSIGNED)
    signature = signing.sign(private, proposal_digest(CHAIN, unsigned))
    return ProposalMessage(msgspec.structs.replace(unsigned, signature=signature), block, None)


def vote(
    private: bytes, kind: VoteKind, block: Block | None, height: int = 1, round_: int = 0
) -> Vote:
    value = None if block is None else block_id(block.header)
    unsigned = Vote(kind, height, round_, value, -1, signing.public_key(private), UNSIGNED)
    signature = signing.sign(private, vote_digest(CHAIN, unsigned))
    return msgspec.structs.replace(unsigned, signature=signature)


def votes(kind: VoteKind, block: Block | None, height: int = 1, round_: int = 0) -> list[Message]:
    """The three others' votes."""
    return [VoteMessage(vote(key, kind, block, height, round_)) for key in OTHERS]


def commit(block: Block) -> Commit:
    height = block.header.height
    return commit_from_votes(vote(key, VoteKind.PRECOMMIT, block, height) for key in OTHERS)


class Chain:
    """An application that keeps what was decided, and judges as it is told."""

    def __init__(self) -> None:
        self.tip = GENESIS
        self.final: list[tuple[Block, Commit]] = []
        self.valid = True
        self.may_judge = trio.Event()
        self.may_judge.set()

    def head_height(self) -> int:
        return self.tip.height

    def head_id(self) -> bytes:
        return self.tip.id

    def head_time_ms(self) -> int:
        return self.tip.time_ms

    def validators(self, height: int) -> ValidatorSet:
        return VALIDATORS

    def proposers(self, height: int) -> WeightedSchedule:
        return SCHEDULE

    def late_window(self) -> Window:
        return ()

    def wanted_precommits(self) -> Window:
        return self.late_window()

    async def build(self, height: int, last_commit: Commit | None, late: tuple[Vote, ...]) -> Block:
        return block_on(self.tip, last_commit)

    async def judge(self, block: Block) -> bool:
        await self.may_judge.wait()
        return self.valid

    async def finalise(self, block: Block, commit: Commit) -> None:
        header = block.header
        self.final.append((block, commit))
        self.tip = Tip(CHAIN, header.height, block_id(header), header.time_ms, header.app_root)


@dataclass
class Ear:
    """Implements `Wire` and `Observer`, and keeps all that it hears."""

    said: list[Message] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    """Our heads, as told to all."""
    helped: list[tuple[PeerId, Message]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    charges: list[tuple[PeerId, Offence]] = field(default_factory=list)
    behind_at: list[int] = field(default_factory=list)
    accused: list[tuple[object, object]] = field(default_factory=list)
    syncs: int = 0
    step: Callable[[str], None] = lambda what: None

    def broadcast(self, envelope: Envelope) -> None:
        match envelope:
            case ConsensusEnvelope(message):
                self.step("send")
                self.said.append(decode_message(message))
            case HeadEnvelope(height, _, _):
                self.told.append(height)
            case other:
                raise AssertionError(f"nothing like {other} is broadcast")

    async def send(self, peer: PeerId, envelope: Envelope) -> None:
        if peer != PEER:
            raise NotConnected(peer)
        match envelope:
            case ConsensusEnvelope(message):
                self.helped.append((peer, decode_message(message)))
            case HeadEnvelope(height, _, _):
                self.heads.append(height)

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def synced(self, seconds: float) -> None:
        self.syncs += 1

    def behind(self, peer: PeerId, height: int) -> None:
        self.behind_at.append(height)

    def evidence(self, first: object, second: object) -> None:
        self.accused.append((first, second))

    def charge(self, peer: PeerId, offence: Offence) -> None:
        self.charges.append((peer, offence))

    def votes(self) -> list[tuple[VoteKind, int, bytes | None]]:
        """Our own votes, each once."""
        mine = [each.vote for each in self.said if isinstance(each, VoteMessage)]
        return list(dict.fromkeys((each.kind, each.round, each.block_id) for each in mine))


class WatchedJournal(Journal):
    """Tells each step before it is done and after."""

    __slots__ = ("step",)
    step: Callable[[str], None]

    def append(self, record: bytes) -> None:
        super().append(record)
        self.step("appended")

    def sync(self) -> None:
        self.step("sync")
        super().sync()
        self.step("synced")


class WatchedSigner(Signer):
    """Tells each step before it is done and after."""

    __slots__ = ("step",)
    step: Callable[[str], None]

    def sign(self, height: int, round: int, step: Step, digest: bytes) -> bytes:
        self.step("sign")
        signature = super().sign(height, round, step, digest)
        self.step("signed")
        return signature

    def keep(self) -> None:
        self.step("keep")
        super().keep()
        self.step("kept")


class Life:
    """One life of a validator over a folder: from its start to its end or its crash."""

    def __init__(
        self,
        path: Path,
        chain: Chain,
        step: Callable[[str], None],
        key: bytes,
        *,
        force: bool,
        journal_max_bytes: int,
    ) -> None:
        self.chain = chain
        self.ear = Ear(step=step)
        self.journal = WatchedJournal.open(path / "journal")
        self.journal.step = step
        self.signer = WatchedSigner.open(path / "signer", key, CHAIN, create=True)
        self.signer.step = step
        self.engine = Engine(
            CHAIN,
            chain,
            self.ear,
            self.journal,
            Voice(
                CHAIN,
                self.ear,
                self.journal,
                self.signer,
                signing.public_key(key),
                self.ear,
                force=force,
            ),
            Pace(
                0,
                Timeouts(MINUTE_MS, MINUTE_MS, MINUTE_MS, MINUTE_MS, MINUTE_MS),
                journal_max_bytes,
                lambda: chain.tip.time_ms,
            ),
            self.ear,
            self.ear.charge,
        )

    async def hear(self, *messages: Message) -> None:
        for message in messages:
            await self.engine.receive(PEER, encode_message(message))

    def close(self) -> None:
        self.journal.close()
        self.signer.close()


def no_step(what: str) -> None:
    pass


@asynccontextmanager
async def living(
    path: Path,
    chain: Chain | None = None,
    step: Callable[[str], None] = no_step,
    key: bytes = OURS,
    *,
    force: bool = True,
    journal_max_bytes: int = 1_000_000,
) -> AsyncIterator[Life]:
    """With `force`, since nobody tells it of the others' heads."""
    life = Life(path, chain or Chain(), step, key, force=force, journal_max_bytes=journal_max_bytes)
    try:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                last = life.chain.final[-1][1] if life.chain.final else None
                nursery.start_soon(life.engine.run, last)
                yield life
                nursery.cancel_scope.cancel()
    finally:
        life.close()


async def test_a_height_is_decided_and_the_next_begins(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)
        await life.hear(*votes(VoteKind.PRECOMMIT, FIRST))
        await until(lambda: life.chain.tip.height == 1)
        assert life.engine.height == 2
        identity = block_id(FIRST.header)
        assert life.ear.votes() == [
            (VoteKind.PREVOTE, 0, identity),
            (VoteKind.PRECOMMIT, 0, identity),
        ]
        assert life.ear.charges == []


async def test_the_proposer_builds_and_proposes(tmp_path: Path) -> None:
    async with living(tmp_path, key=proposer(1)) as life:
        await until(lambda: len(life.ear.said) == 2)
        said, prevote = life.ear.said
        assert isinstance(said, ProposalMessage)
        assert isinstance(prevote, VoteMessage)
        assert prevote.vote.block_id == block_id(said.block.header)


async def test_nobody_votes_for_what_is_not_judged_yet(tmp_path: Path) -> None:
    chain = Chain()
    chain.may_judge = trio.Event()
    async with living(tmp_path, chain) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await wait_all_tasks_blocked()
        assert life.ear.said == []
        chain.may_judge.set()
        await until(lambda: len(life.ear.votes()) == 2)


async def test_a_message_leaves_after_its_sync_and_after_its_guard(tmp_path: Path) -> None:
    pending, kept, trace = 0, True, []

    def step(what: str) -> None:
        nonlocal pending, kept
        trace.append(what)
        if what == "appended":
            pending += 1
        elif what == "synced":
            pending = 0
        elif what == "signed":
            kept = False
        elif what == "keep":
            # The file may not know of more than the journal: after a power cut the journal decides.
            assert pending == 0, trace
        elif what == "kept":
            kept = True
        elif what == "send":
            assert pending == 0, trace
            assert kept, trace

    async with living(tmp_path, step=step) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)
    assert trace.count("signed") == 2
    assert 1 <= trace.count("synced") <= 2, "one sync a message, or one for both"


class Killed(BaseException):
    """The process ends here."""


async def test_killed_between_any_two_steps_it_votes_once_and_goes_on(tmp_path: Path) -> None:
    script: list[Message] = [
        proposal(FIRST),
        *votes(VoteKind.PREVOTE, FIRST),
        *votes(VoteKind.PRECOMMIT, FIRST),
    ]
    identity = block_id(FIRST.header)
    for fatal in range(1, 100):
        chain, steps = Chain(), 0

        def step(what: str, fatal: int = fatal) -> None:
            nonlocal steps
            steps += 1
            if steps == fatal:
                raise Killed

        path = tmp_path / str(fatal)
        said: list[Message] = []
        try:
            async with living(path, chain, step) as life:
                said = life.ear.said
                # Step by step, so that all that may be signed is.
                await life.hear(script[0])
                await until(lambda life=life: len(life.ear.votes()) == 1)  # type: ignore[misc]
                await life.hear(*script[1:4])
                await until(lambda life=life: len(life.ear.votes()) == 2)  # type: ignore[misc]
                await life.hear(*script[4:])
                await until(lambda chain=chain: chain.tip.height == 1)  # type: ignore[misc]
        except* Killed:
            pass
        if steps < fatal:
            assert fatal > 10, "this test kills at no step"
            return
        if chain.tip.height:
            continue
        guard = Signer.open(path / "signer", OURS, CHAIN)
        signed = guard.last
        guard.close()
        async with living(path, chain) as life:
            # Nobody speaks to it yet: what was signed goes out all the same, for nobody else
            # can say it, and no other vote of its place can ever be signed.
            if signed.step:
                kind = VoteKind.PREVOTE if signed.step == Step.PREVOTE else VoteKind.PRECOMMIT
                voted = (kind, 0, identity)
                await until(lambda: voted in life.ear.votes() or chain.tip.height == 1)  # noqa: B023
            await life.hear(*script)
            await until(lambda chain=chain: chain.tip.height == 1)  # type: ignore[misc]
            both = [each.vote for each in (*said, *life.ear.said) if isinstance(each, VoteMessage)]
            assert {each.block_id for each in both} <= {identity}
    raise AssertionError("the script has more steps than are tried")


async def test_after_a_power_cut_the_journal_reminds_the_guard(tmp_path: Path) -> None:
    chain = Chain()
    async with living(tmp_path, chain) as life:
        old = (tmp_path / "signer").read_bytes()
        await life.hear(proposal(FIRST))
        await until(lambda: len(life.ear.votes()) == 1)
    (tmp_path / "signer").write_bytes(old)
    async with living(tmp_path, chain) as life:
        await until(lambda: len(life.ear.votes()) == 1)
        assert life.signer.last == (1, 0, Step.PREVOTE)
        with pytest.raises(WouldSignTwice):
            life.signer.sign(1, 0, Step.PREVOTE, b"\x01" * 32)


async def test_who_lost_its_journal_is_silent_until_the_next_height(tmp_path: Path) -> None:
    """It may be locked, and would not know on what."""
    chain = Chain()
    async with living(tmp_path, chain) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)
    (tmp_path / "journal").unlink()
    later = next(each for each in range(1, 99) if proposer(1, each) != OURS)
    other = block_on(GENESIS, None, b"\x02" * 32, round_=later)
    async with living(tmp_path, chain, force=False) as life:
        await until(lambda: bool(life.ear.told))
        for key in OTHERS:
            await life.engine.heard(signing.public_key(key), 0)
        # With its lock it would prevote nil for this; without, it would be convicted.
        await life.hear(*votes(VoteKind.PREVOTE, None, round_=later), proposal(other, later))
        await until(lambda: life.engine.round == later)
        await wait_all_tasks_blocked()
        assert life.ear.said == []
        await life.hear(CommitMessage(commit(FIRST), FIRST))
        await until(lambda: life.engine.height == 2)
        await life.hear(proposal(block_on(chain.tip, commit(FIRST))))
        await until(lambda: len(life.ear.votes()) == 1)
        assert life.signer.last == (2, 0, Step.PREVOTE)


async def test_nothing_is_signed_before_two_thirds_have_told_where_they_are(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, force=False) as life:
        await life.hear(proposal(FIRST))
        await until(lambda: bool(life.ear.told))
        await life.engine.heard(signing.public_key(OTHERS[0]), 0)
        await life.engine.heard(signing.public_key(OTHERS[0]), 0)
        await life.engine.heard(b"\x02" * 33, 0)
        await wait_all_tasks_blocked()
        assert life.ear.said == []
        await life.engine.heard(signing.public_key(OTHERS[1]), 0)
        await until(lambda: len(life.ear.votes()) == 1)


async def test_nothing_is_signed_below_what_the_others_have(tmp_path: Path) -> None:
    async with living(tmp_path, force=False) as life:
        await until(lambda: bool(life.ear.told))
        await life.hear(proposal(FIRST))
        for key in OTHERS:
            await life.engine.heard(signing.public_key(key), 1)
        await wait_all_tasks_blocked()
        assert life.ear.said == []
        await life.engine.synced(FIRST, commit(FIRST))
        await until(lambda: life.engine.height == 2)
        second = block_on(life.chain.tip, commit(FIRST))
        await life.hear(proposal(second))
        await until(lambda: len(life.ear.votes()) == 1)
        assert life.ear.votes() == [(VoteKind.PREVOTE, 0, block_id(second.header))]


async def test_votes_tell_where_others_are(tmp_path: Path) -> None:
    async with living(tmp_path, force=False) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)


def ours_on(block: Block) -> Commit:
    """A commit to which our own key signed."""
    height = block.header.height
    keys = [OURS, *OTHERS[:2]]
    return commit_from_votes(vote(key, VoteKind.PRECOMMIT, block, height) for key in keys)


async def test_a_home_older_than_its_signatures_signs_nothing(tmp_path: Path) -> None:
    words = "height 1, round 0.*--force"
    with pytest.RaisesGroup(pytest.RaisesExc(SignedElsewhere, match=words), flatten_subgroups=True):
        async with living(tmp_path, force=False) as life:
            await until(lambda: bool(life.ear.told))
            await life.engine.heard(signing.public_key(OTHERS[0]), 1)
            await life.engine.synced(FIRST, ours_on(FIRST))
            await trio.sleep_forever()
    assert life.ear.said == []


async def test_forced_it_takes_up_what_its_key_has_signed(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await life.engine.synced(FIRST, ours_on(FIRST))
        await until(lambda: life.engine.height == 2)
        assert life.signer.last == (1, 0, Step.PRECOMMIT)


async def test_another_machine_with_our_key_ends_us(tmp_path: Path) -> None:
    with pytest.RaisesGroup(SignedElsewhere, flatten_subgroups=True):
        async with living(tmp_path, force=False) as life:
            await until(lambda: bool(life.ear.told))
            for key in OTHERS:
                await life.engine.heard(signing.public_key(key), 0)
            await life.hear(VoteMessage(vote(OURS, VoteKind.PREVOTE, None, round_=3)))
            await trio.sleep_forever()


async def test_our_own_votes_may_come_back(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await life.hear(proposal(FIRST))
        await until(lambda: len(life.ear.votes()) == 1)
        await life.hear(VoteMessage(vote(OURS, VoteKind.PREVOTE, FIRST)))
        await life.hear(*votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)


async def test_a_journal_that_cannot_be_written_ends_the_engine(tmp_path: Path) -> None:
    def step(what: str) -> None:
        if what == "sync":
            raise JournalFailed("journal", "the test's own end")

    with pytest.RaisesGroup(JournalFailed, flatten_subgroups=True):
        async with living(tmp_path, step=step) as life:
            await life.hear(proposal(FIRST))
            await trio.sleep_forever()


async def test_a_fetched_block_ends_the_height_wherever_it_stands(tmp_path: Path) -> None:
    chain = Chain()
    chain.may_judge = trio.Event()
    async with living(tmp_path, chain) as life:
        await life.hear(proposal(FIRST))
        await life.engine.synced(FIRST, commit(FIRST))
        # Delivered twice, it takes effect once.
        await life.engine.synced(FIRST, commit(FIRST))
        await until(lambda: life.engine.height == 2)
        second = block_on(chain.tip, commit(FIRST))
        await life.engine.synced(second, commit(second))
        await until(lambda: life.engine.height == 3)
        assert [block for block, _ in chain.final] == [FIRST, second]
        assert life.ear.said == []


async def test_what_comes_early_is_heard_in_its_height(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await until(lambda: life.engine.round == 0)
        second = block_on(Tip(CHAIN, 1, block_id(FIRST.header), 1_000, b"\x00" * 32), commit(FIRST))
        await life.hear(proposal(second), *votes(VoteKind.PREVOTE, second, height=2))
        assert set(life.ear.behind_at) == {1}
        await life.engine.synced(FIRST, commit(FIRST))
        await until(lambda: len(life.ear.votes()) == 2)
        assert life.ear.votes()[0] == (VoteKind.PREVOTE, 0, block_id(second.header))


async def test_a_peer_of_an_older_round_is_helped_once_in_a_while(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        nil = votes(VoteKind.PREVOTE, None, round_=1)
        await life.hear(*nil)
        await until(lambda: life.engine.round == 1)
        if proposer(1, 1) != OURS:
            await life.hear(proposal(block_on(GENESIS, None, round_=1), 1))
        await until(lambda: bool(life.ear.votes()))
        await life.hear(VoteMessage(vote(OTHERS[0], VoteKind.PREVOTE, None)))
        await until(lambda: bool(life.ear.helped))
        assert {peer for peer, _ in life.ear.helped} == {PEER}
        before = len(life.ear.helped)
        await life.hear(VoteMessage(vote(OTHERS[1], VoteKind.PREVOTE, None)))
        await wait_all_tasks_blocked()
        assert len(life.ear.helped) == before


async def test_help_says_nothing_of_older_rounds_and_certificates_call_for_none(
    tmp_path: Path,
) -> None:
    """Or two nodes that are both waiting would help each other for ever."""
    async with living(tmp_path) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: len(life.ear.votes()) == 2)
        # The others give the round up; we have not spoken in the next one.
        later = next(each for each in range(1, 100) if proposer(1, each) != OURS)
        await life.hear(*votes(VoteKind.PRECOMMIT, None, round_=later))
        await until(lambda: life.engine.round == later)
        polka = polka_from_votes(vote(key, VoteKind.PREVOTE, FIRST) for key in OTHERS)
        await life.hear(PolkaMessage(polka))
        await wait_all_tasks_blocked()
        assert life.ear.helped == []
        await life.hear(VoteMessage(vote(OTHERS[0], VoteKind.PREVOTE, FIRST)))
        await until(lambda: bool(life.ear.helped))
        await wait_all_tasks_blocked()
        assert [type(message) for _, message in life.ear.helped] == [PolkaMessage]


async def test_a_peer_of_an_older_height_alone_is_told_where_we_are(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await life.engine.synced(FIRST, commit(FIRST))
        await until(lambda: life.engine.height == 2)
        await life.hear(CommitMessage(commit(FIRST), FIRST))
        await wait_all_tasks_blocked()
        assert life.ear.heads == []
        for key in OTHERS:
            await life.hear(VoteMessage(vote(key, VoteKind.PREVOTE, FIRST)))
        await until(lambda: life.ear.heads == [1])
        await wait_all_tasks_blocked()
        assert life.ear.heads == [1]


async def test_who_precommits_twice_is_found_out_after_the_decision_as_well(
    tmp_path: Path,
) -> None:
    async with living(tmp_path) as life:
        # With ours these are two thirds: none of them is left to come late.
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST)[:2])
        first, second, third = votes(VoteKind.PRECOMMIT, FIRST)
        await life.hear(first, second)
        await until(lambda: life.engine.height == 2)
        await life.hear(third)
        assert life.ear.accused == []
        for _ in range(2):
            await life.hear(VoteMessage(vote(OTHERS[2], VoteKind.PRECOMMIT, None)))
        assert len(life.ear.accused) == 1
        assert (life.ear.heads, life.ear.charges) == ([], [])


async def test_a_commit_brings_the_height_to_its_end(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        await life.hear(CommitMessage(commit(FIRST), FIRST))
        await until(lambda: life.engine.height == 2)


async def test_two_thirds_against_our_judgement_are_not_waited_for_in_silence(
    tmp_path: Path,
) -> None:
    chain = Chain()
    chain.valid = False
    async with living(tmp_path, chain) as life:
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await until(lambda: bool(life.ear.votes()))
        with capture_logs() as logged:
            await life.hear(*votes(VoteKind.PRECOMMIT, FIRST))
            # Whatever spoke against it, the rules that `finalise` goes by do not.
            await until(lambda: life.engine.height == 2)
        assert [each["event"] for each in logged if each["log_level"] == "error"] == ["overruled"]
        assert life.ear.votes() == [(VoteKind.PREVOTE, 0, None)]
    assert chain.final == [(FIRST, commit(FIRST))]


async def test_a_final_block_that_is_not_valid_here_ends_the_engine(tmp_path: Path) -> None:
    class Refusing(Chain):
        async def finalise(self, block: Block, commit: Commit) -> None:
            raise Diverged(CHAIN, block.header.height, "the rules")

    chain = Refusing()
    chain.valid = False
    with pytest.RaisesGroup(Diverged, flatten_subgroups=True):
        async with living(tmp_path, chain) as life:
            await life.hear(proposal(FIRST), *votes(VoteKind.PRECOMMIT, FIRST))
            await trio.sleep_forever()
    # It says so at every start: what was heard is in the journal.
    with pytest.RaisesGroup(Diverged, flatten_subgroups=True):
        async with living(tmp_path, chain):
            await trio.sleep_forever()


@pytest.mark.parametrize("seed", range(4))
async def test_garbage_parses_or_is_charged_and_changes_nothing(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    good = [
        encode_message(each)
        for each in (
            proposal(FIRST),
            *votes(VoteKind.PREVOTE, FIRST),
            CommitMessage(commit(FIRST), FIRST),
        )
    ]
    async with living(tmp_path) as life:
        await until(lambda: life.engine.round == 0)
        for _ in range(150):
            data = bytearray(dice.choice(good))
            match dice.randrange(3):
                case 0:
                    data = bytearray(dice.randbytes(dice.randrange(200)))
                case 1:
                    del data[dice.randrange(len(data)) :]
                case 2:
                    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            if bytes(data) in good:
                continue
            await life.engine.receive(PEER, bytes(data))
        await wait_all_tasks_blocked()
        assert life.engine.height == 1, f"seed {seed}"
        assert life.ear.said == [], f"seed {seed}"
        assert len(life.ear.charges) > 75, f"seed {seed}"


def high_s(signature: bytes) -> bytes:
    """The other signature that the curve's arithmetic would take for the same digest."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    return signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def bent(lie: str) -> Message:
    """A message that is formed as it should be, and that nobody may be taken in by."""
    good = vote(OTHERS[0], VoteKind.PREVOTE, FIRST)
    honest = proposal(FIRST)
    replaced = msgspec.structs.replace
    match lie:
        case "high_s":
            return VoteMessage(replaced(good, signature=high_s(good.signature)))
        case "zeros":
            return VoteMessage(replaced(good, signature=bytes(64)))
        case "ones":
            return VoteMessage(replaced(good, signature=b"\xff" * 64))
        case "others_name":
            return VoteMessage(replaced(good, validator=signing.public_key(OTHERS[1])))
        case "others_choice":
            return VoteMessage(replaced(good, block_id=bytes(32)))
        case "stranger":
            return VoteMessage(vote(b"\x09" * 32, VoteKind.PREVOTE, FIRST))
        case "other_chain":
            digest = vote_digest("other/geo_bangkok", good)
            return VoteMessage(replaced(good, signature=signing.sign(OTHERS[0], digest)))
        case "other_chains_block":
            header = replaced(FIRST.header, chain_id="other/geo_bangkok")
            return replaced(honest, block=replaced(FIRST, header=header))
        case "other_body":
            return replaced(honest, block=replaced(FIRST, payload=(b"\x02" * 32,)))
        case "high_s_proposal":
            signature = high_s(honest.proposal.signature)
            return replaced(honest, proposal=replaced(honest.proposal, signature=signature))
        case "high_s_commit":
            first, *rest = commit(FIRST).signatures
            first = replaced(first, signature=high_s(first.signature))
            return CommitMessage(replaced(commit(FIRST), signatures=(first, *rest)), FIRST)
        case "small_commit":
            return CommitMessage(
                replaced(commit(FIRST), signatures=commit(FIRST).signatures[:1]), FIRST
            )
        case _:
            signatures = commit(FIRST).signatures
            doubled = (signatures[0], signatures[0], *signatures[1:])
            return CommitMessage(replaced(commit(FIRST), signatures=doubled), FIRST)


@pytest.mark.parametrize(
    "lie",
    [
        "high_s", "zeros", "ones", "others_name", "others_choice", "stranger", "other_chain",
        "other_chains_block", "other_body", "high_s_proposal", "high_s_commit", "small_commit",
        "doubled_commit",
    ],
)  # fmt: skip
async def test_what_is_not_signed_as_it_says_is_charged_and_changes_nothing(
    tmp_path: Path, lie: str
) -> None:
    async with living(tmp_path) as life:
        await wait_all_tasks_blocked()
        await life.hear(bent(lie))
        await until(lambda: len(life.ear.charges) == 1)
        assert life.ear.charges[0][1] in (Offence.BAD_SIGNATURE, Offence.INVALID)
        # The true ones count all the same, and from whomever they come.
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await life.hear(*votes(VoteKind.PRECOMMIT, FIRST))
        await until(lambda: life.engine.height == 2)
        assert len(life.ear.charges) == 1


async def test_what_is_replayed_costs_nobody_anything(tmp_path: Path) -> None:
    script: list[Message] = [proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST)]
    async with living(tmp_path) as life:
        await wait_all_tasks_blocked()
        await life.hear(*script)
        await until(lambda: len(life.ear.votes()) == 2)
        size = life.journal.size_bytes
        for _ in range(50):
            await life.hear(*script)
        await wait_all_tasks_blocked()
        assert life.journal.size_bytes == size
        assert life.ear.charges == []
        await life.hear(*votes(VoteKind.PRECOMMIT, FIRST))
        await until(lambda: life.engine.height == 2)
        for _ in range(50):
            await life.hear(*script, *votes(VoteKind.PRECOMMIT, FIRST))
        assert life.ear.charges == []
        assert life.engine.height == 2


async def test_a_validator_cannot_fill_the_journal(tmp_path: Path) -> None:
    """Neither with proposals for rounds that never come, nor with votes for ever later ones."""
    thief = OTHERS[0]
    far = [each for each in range(1, 400) if proposer(1, each) == thief]
    async with living(tmp_path) as life:
        await wait_all_tasks_blocked()
        for round_ in reversed(far):
            await life.hear(proposal(FIRST, round_))
        for round_ in range(1, 400):
            await life.hear(VoteMessage(vote(thief, VoteKind.PREVOTE, None, round_=round_)))
        # It goes on as if nothing had been.
        await life.hear(proposal(FIRST), *votes(VoteKind.PREVOTE, FIRST))
        await life.hear(*votes(VoteKind.PRECOMMIT, FIRST))
        await until(lambda: life.engine.height == 2)
        records = FUTURE_VOTES_BURST + MAX_FUTURE_PROPOSALS
        assert life.journal.size_bytes < 500 * records
        # What honest ones say again may come in such numbers too, so nobody is charged.
        assert life.ear.charges == []


async def test_a_height_that_takes_long_is_cut_to_what_recovery_needs(tmp_path: Path) -> None:
    """Past the limit, by the rounds that count no longer; after a crash it goes on where it was,
    holds what it was told of others, and knows who signed twice."""
    limit = 24_000
    last = 60  # Of four, this round is again the first one's proposer's.
    sizes: list[int] = []
    twice = [vote(OTHERS[0], VoteKind.PREVOTE, each) for each in (FIRST, None)]
    async with living(tmp_path, journal_max_bytes=limit) as life:
        await life.hear(*[VoteMessage(each) for each in twice])
        await until(lambda: len(life.ear.accused) == 1)
        for round_ in range(1, last + 1):
            await life.hear(*votes(VoteKind.PREVOTE, None, round_=round_))
            await until(lambda round_=round_: life.engine.round == round_)  # type: ignore[misc]
            await wait_all_tasks_blocked()
            sizes.append(life.journal.size_bytes)
        assert any(after < before for before, after in pairwise(sizes)), "it was never cut"
        said = {(kind, round_): choice for kind, round_, choice in life.ear.votes()}
        accused = life.ear.accused
    async with living(tmp_path, journal_max_bytes=limit) as life:
        await wait_all_tasks_blocked()
        # What nothing of ours rested on was not synced.
        assert limit // (180 * len(OTHERS)) < life.engine.round <= last
        assert life.ear.accused == accused
        await life.hear(*votes(VoteKind.PREVOTE, None, round_=last))
        await until(lambda: life.engine.round == last)
        await life.hear(proposal(FIRST, last), *votes(VoteKind.PRECOMMIT, FIRST, round_=last))
        await until(lambda: life.engine.height == 2)
        for kind, round_, choice in life.ear.votes():
            assert said.get((kind, round_), choice) == choice


def test_early_messages_are_bounded_and_one_peer_leaves_room() -> None:
    early = Early()
    for number in range(10_000):
        early.keep(PeerId("loud"), number.to_bytes(4, "big") * 1_000)
    assert early.size_bytes <= EARLY_BYTES_PER_PEER
    early.keep(PeerId("quiet"), b"a vote")
    early.keep(PeerId("quiet"), b"a vote")
    for number in range(1_000):
        early.keep(PeerId(f"sybil {number}"), b"x" * 100_000)
    assert early.size_bytes <= EARLY_BYTES
    taken = early.take()
    assert taken.count((PeerId("quiet"), b"a vote")) == 1
    assert (len(early), early.size_bytes) == (0, 0)
