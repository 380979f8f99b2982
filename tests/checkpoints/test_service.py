"""One node's checkpoints: what it takes and refuses, signs, certifies, asks for and holds to."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import trio

from benchmarks.replay import CHAIN, GENESIS_ID
from consensus.checkpoints import (
    Certificate,
    Checkpoint,
    CrossesCheckpoint,
    SignedCheckpoint,
    certify,
)
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import FixedSets
from gtxnode.checkpoints import service
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.exchange import checkpoint_protocol
from gtxnode.checkpoints.guard import CheckpointGuard
from gtxnode.checkpoints.service import AHEAD, BEHIND, Checkpoints
from gtxnode.checkpoints.statement import CheckpointCrossed, Statements
from gtxnode.checkpoints.trust import Trust, encode_trust
from gtxnode.config import TrustedBlock
from gtxnode.ledger.parameters import Authority, ChainParameters, CheckpointRules
from gtxnode.primitives.zones import Role
from p2p.identity import PeerId
from p2p.network import Offence
from storage.memory import MemoryStore
from tests.checkpoints.statements import AUTHORITIES, checkpoint, key, public, word
from tests.node.harness import Recorder
from tests.node.little_chain import COINS, VALIDATORS, extend
from tests.sync.peers import Archive, Neighbourhood, neighbourhood
from tests.waiting import until

INTERVAL = 10
PARAMETERS = ChainParameters(
    authorities=tuple(Authority(role, public(role)) for role in Role),
    checkpoints=CheckpointRules(interval_blocks=INTERVAL),
)


def a_chain(blocks: int = 0, parameters: ChainParameters = PARAMETERS) -> ChainStore:
    store = ChainStore.on(MemoryStore(), CHAIN, GENESIS_ID, 0, parameters, COINS)
    extend(store, blocks)
    return store


def statements(store: ChainStore) -> Statements:
    return Statements(store, FixedSets(VALIDATORS, bytes(32)))


def stated(store: ChainStore, height: int) -> Checkpoint:
    found = statements(store).of(height)
    assert found is not None
    return found


def certificate(of: Checkpoint, roles: Sequence[int] = (1, 2, 3)) -> Certificate:
    made = certify(AUTHORITIES, [word(role, of) for role in roles])
    assert made is not None
    return made


def led_by(newest: Certificate) -> bytes:
    """A peer's answer where nothing changed before its newest."""
    return encode_trust(Trust(CHAIN, (), newest))


@dataclass
class Scene:
    """A node with its checkpoints running, and a peer."""

    store: ChainStore
    checkpoints: Checkpoints
    around: Neighbourhood
    peer: PeerId
    seen: Recorder
    said: list[SignedCheckpoint]
    accused: list[tuple[SignedCheckpoint, SignedCheckpoint]] = field(default_factory=list)
    behind: bool = False
    answers: list[bytes] = field(default_factory=list)
    """What the peer answers when it is asked, the last for ever."""
    asked: int = 0

    def grow(self, blocks: int) -> None:
        extend(self.store, blocks)
        self.checkpoints.advanced()

    def hear(self, of: Checkpoint, *roles: int) -> None:
        for role in roles:
            self.checkpoints.receive(self.peer, word(role, of))

    async def certified(self, height: int) -> None:
        await until(lambda: self.checkpoints.height == height)

    def charges(self, offence: Offence) -> int:
        return self.around.network.counters.offences[offence]


@asynccontextmanager
async def scene(
    store: ChainStore,
    guards: Sequence[CheckpointGuard] = (),
    trusted: Sequence[TrustedBlock] = (),
) -> AsyncIterator[Scene]:
    with trio.fail_after(30):
        async with neighbourhood() as around:
            peer = await around.honest(Archive(store))
            seen, said = Recorder(), list[SignedCheckpoint]()
            accused: list[tuple[SignedCheckpoint, SignedCheckpoint]] = []

            async def say(spoken: SignedCheckpoint) -> None:
                said.append(spoken)
                await trio.lowlevel.checkpoint()

            def accuse(first: SignedCheckpoint, second: SignedCheckpoint) -> bool:
                accused.append((first, second))
                return True

            checkpoints = Checkpoints(
                statements(store),
                CertificateArchive(store.database),
                guards,
                trusted,
                around.network,
                lambda: [peer],
                say,
                accuse,
                lambda: at.behind,
                seen,
            )
            at = Scene(store, checkpoints, around, peer, seen, said, accused)

            async def answer(_: PeerId, payload: bytes) -> bytes:
                at.asked += 1
                await trio.lowlevel.checkpoint()
                return at.answers.pop(0) if len(at.answers) > 1 else (at.answers or [b""])[0]

            around.node(peer).serve(checkpoint_protocol(CHAIN), answer)
            async with trio.open_nursery() as nursery:
                await nursery.start(checkpoints.run)
                yield at
                nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPEAT_S", 0.02)


@contextmanager
def guard(folder: Path, role: int) -> Iterator[CheckpointGuard]:
    made = CheckpointGuard.open(folder / f"guard-{role}", key(role), CHAIN, create=True)
    try:
        yield made
    finally:
        made.close()


# ---- words ----


async def test_three_words_are_a_certificate_wherever_the_block_is_final() -> None:
    async with scene(a_chain(9)) as at:
        whole = a_chain(20)
        at.hear(stated(whole, 10), 1, 2)
        at.hear(stated(whole, 10), 2)
        at.grow(1)
        await until(lambda: at.asked > 1)  # two are not enough, and nothing waits for the third
        assert at.checkpoints.height == 0
        assert at.seen.checkpoints[-1] == (0, 10)
        at.hear(stated(whole, 10), 4)
        await at.certified(10)
        kept = CertificateArchive(at.store.database).newest()
        assert kept == certificate(stated(whole, 10), (1, 2, 4))
        assert at.seen.checkpoints[-1] == (10, 0)
        at.grow(3)
        assert at.seen.checkpoints[-1] == (10, 3)
        assert not at.around.network.counters.offences


async def test_a_missed_checkpoint_is_passed_over() -> None:
    async with scene(a_chain(25)) as at:
        at.hear(stated(at.store, 20), 1, 2, 3)
        await at.certified(20)
        at.hear(stated(at.store, 10), 1, 2, 3)  # too late for anybody
        at.grow(5)
        at.hear(stated(at.store, 30), 1, 2, 3)
        await at.certified(30)
        assert CertificateArchive(at.store.database).at(10) is None
        assert not at.seen.wrong_words


FORGED = msgspec.structs.replace(word(1, checkpoint(10, chain_id=CHAIN)), signature=bytes(64))
ODD: dict[str, tuple[SignedCheckpoint, str, Offence]] = {
    "another block": (
        word(1, checkpoint(10, chain_id=CHAIN)),
        "wrong_block",
        Offence.INVALID,
    ),
    "no checkpoint's height": (
        word(1, checkpoint(11, chain_id=CHAIN)),
        "wrong_height",
        Offence.INVALID,
    ),
    "nobody's key": (
        word(9, checkpoint(10, chain_id=CHAIN)),
        "unknown_authority",
        Offence.INVALID,
    ),
    "another chain": (word(1, checkpoint(10)), "wrong_chain", Offence.INVALID),
    "a forgery": (FORGED, "bad_signature", Offence.BAD_SIGNATURE),
}


@pytest.mark.parametrize("case", ODD)
async def test_a_wrong_word_is_refused_by_name_and_charged(case: str, tmp_path: Path) -> None:
    spoken, reason, offence = ODD[case]
    with guard(tmp_path, 4) as four:
        async with scene(a_chain(12), [four]) as at:
            await until(lambda: bool(at.said))  # so it knows what its own chain states
            at.checkpoints.receive(at.peer, spoken)
            assert at.seen.refused_checkpoints == [reason]
            assert at.charges(offence) == 1
            at.hear(stated(at.store, 10), 2, 3)
            await at.certified(10)


async def test_words_out_of_the_window_are_passed_over_in_silence() -> None:
    async with scene(a_chain(INTERVAL * (BEHIND + 3))) as at:
        tip = at.store.tip.height
        for height in (INTERVAL, tip + INTERVAL * (AHEAD + 1)):
            # Not even looked at: a key that is unknown here may be known there.
            at.hear(checkpoint(height, chain_id=CHAIN), 9)
        assert not at.seen.wrong_words
        assert not at.around.network.counters.offences


async def test_a_chain_without_authorities_refuses_every_word() -> None:
    async with scene(a_chain(12, ChainParameters(checkpoints=PARAMETERS.checkpoints))) as at:
        at.hear(checkpoint(20, chain_id=CHAIN), 1)
        assert at.seen.wrong_words == ["unknown_authority"]
        at.grow(1)
        assert not at.seen.checkpoints


async def test_an_authority_that_contradicts_itself_is_accused_with_both_words() -> None:
    async with scene(a_chain(5)) as at:
        first, second = (word(1, checkpoint(10, block, chain_id=CHAIN)) for block in (1, 2))
        for spoken in (first, second):
            at.checkpoints.receive(at.peer, spoken)
        assert at.accused == [(first, second)]
        assert at.seen.conflicts == 1


# ---- signing ----


async def test_the_newest_checkpoint_is_signed_said_and_said_again(tmp_path: Path) -> None:
    with guard(tmp_path, 1) as one, guard(tmp_path, 2) as two:
        async with scene(a_chain(25), [one, two]) as at:
            at.checkpoints.advanced()
            await until(lambda: len(at.said) >= 6)
            assert {each.checkpoint for each in at.said} == {stated(at.store, 20)}
            assert {each.public_key for each in at.said} == {public(1), public(2)}
            at.hear(stated(at.store, 20), 3)
            await at.certified(20)
            count = len(at.said)
            at.grow(5)
            await until(lambda: len(at.said) >= count + 6)
            assert {each.checkpoint.height for each in at.said[count:]} == {30}
        assert one.last_height == two.last_height == 30


async def test_what_the_guard_refuses_is_not_said(tmp_path: Path) -> None:
    with guard(tmp_path, 1) as one:
        one.sign(checkpoint(10, 7, chain_id=CHAIN))
        async with scene(a_chain(12), [one]) as at:
            await until(lambda: at.asked > 1)
            at.grow(8)
            await until(lambda: bool(at.said))
            assert at.said[0].checkpoint.height == 20


async def test_a_node_that_catches_up_signs_nothing(tmp_path: Path) -> None:
    with guard(tmp_path, 1) as one:
        async with scene(a_chain(5), [one]) as at:
            at.behind = True
            at.grow(10)
            await until(lambda: at.asked > 1)
            assert not at.said
            at.behind = False
            at.grow(1)
            await until(lambda: bool(at.said))


# ---- certificates of peers ----


async def test_what_is_missing_is_asked_for_and_kept_once_the_chain_contains_it() -> None:
    async with scene(a_chain(15)) as at:
        whole = a_chain(30)
        at.answers = [b"", led_by(certificate(stated(whole, 20)))]
        await until(lambda: not _allows(at.checkpoints, 20, bytes(32)))
        assert _allows(at.checkpoints, 20, stated(whole, 20).block_id)
        assert at.checkpoints.height == 0
        at.grow(5)
        await at.certified(20)


BAD_ANSWERS: dict[str, tuple[Callable[[Checkpoint], bytes], str]] = {
    "garbage": (lambda of: b"\xc1", "malformed"),
    "too few": (
        lambda of: led_by(Certificate(of, certificate(of).signatures[:2])),
        "not_enough_authorities",
    ),
    "a height without one": (
        lambda of: led_by(certificate(msgspec.structs.replace(of, height=21))),
        "wrong_height",
    ),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
async def test_a_wrong_certificate_is_refused_by_name_and_charged(case: str) -> None:
    made, reason = BAD_ANSWERS[case]
    async with scene(a_chain(20)) as at:
        at.answers = [made(stated(at.store, 20)), b""]
        await until(lambda: at.seen.refused_checkpoints == [reason])
        assert at.charges(Offence.INVALID) == 1
        assert at.checkpoints.height == 0


@pytest.mark.parametrize("height", [20, 30])
async def test_a_certificate_against_what_is_final_is_told_and_never_taken(height: int) -> None:
    async with scene(a_chain(25)) as at:
        lie = certificate(checkpoint(height, chain_id=CHAIN))
        at.answers = [led_by(lie), b""]
        await until(lambda: not at.answers[0])
        at.grow(5)
        await until(lambda: at.seen.conflicts == 1)
        assert at.checkpoints.height == 0
        assert _allows(at.checkpoints, height, bytes(32))
        at.hear(stated(at.store, 30), 1, 2, 3)
        await at.certified(30)


# ---- holding ----


def _allows(checkpoints: Checkpoints, height: int, block_id: bytes) -> bool:
    try:
        checkpoints.check_block(height, block_id)
    except CrossesCheckpoint:
        return False
    return True


async def test_a_restarted_node_holds_to_what_it_kept() -> None:
    store = a_chain(25)
    CertificateArchive(store.database).keep(certificate(stated(store, 20)))
    async with scene(store) as at:
        at.checkpoints.hold()
        assert at.checkpoints.height == 20
        assert not _allows(at.checkpoints, 20, bytes(32))
        assert _allows(at.checkpoints, 21, bytes(32))


async def test_a_chain_that_crosses_what_was_kept_or_is_trusted_is_not_run() -> None:
    store = a_chain(25)
    CertificateArchive(store.database).keep(certificate(checkpoint(20, chain_id=CHAIN)))
    async with scene(store) as at:
        with pytest.raises(CheckpointCrossed, match="at height 20"):
            at.checkpoints.hold()
    async with scene(a_chain(25), trusted=[TrustedBlock("geo_bangkok", 30, bytes(32))]) as at:
        at.checkpoints.hold()  # it has not come there yet
        assert not _allows(at.checkpoints, 30, b"\x01" * 32)
        assert _allows(at.checkpoints, 30, bytes(32))


async def test_votes_that_cross_a_trusted_block_stop_the_node() -> None:
    async def cross() -> None:
        trusted = TrustedBlock("geo_bangkok", 30, bytes(32))
        async with scene(a_chain(25), trusted=[trusted]) as at:
            at.grow(5)
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as stopped:
        await cross()
    assert stopped.group_contains(CheckpointCrossed)
