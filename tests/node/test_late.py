"""Late precommits: heard, kept, carried by a block and counted; and none that is not right."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from trio.testing import wait_all_tasks_blocked

from consensus import signing
from consensus.encoding import DecodeError
from consensus.messages import ProposalMessage, VoteMessage, commit_from_votes
from consensus.presence import OpenHeight, Window, advanced, credited, open_height
from consensus.reputation import Conduct
from consensus.types import (
    MAX_LATE_VOTES,
    Block,
    Commit,
    Vote,
    VoteKind,
    block_codec,
    block_id,
    late_root,
)
from consensus.validators import ValidatorSet
from gtxnode.application import ChainApplication, Diverged
from gtxnode.batches.pool import BatchPool
from gtxnode.chain.registry import NoRegistry
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import RegistrySets
from gtxnode.engine.late import LateVotes
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.genesis import initial_coins
from gtxnode.ledger.parameters import ChainParameters, StakingRules
from gtxnode.ledger.registry.validators import Presence, presence_coin_id
from p2p.network import Offence
from storage.memory import MemoryStore
from tests.node.little_chain import Shelf
from tests.node.test_application import Chain as PlainChain
from tests.node.test_engine import (
    CHAIN,
    FIRST,
    GENESIS_ID,
    KEYS,
    PEER,
    VALIDATORS,
    Chain,
    block_on,
    living,
    proposal,
    proposer,
    vote,
)
from tests.node.test_reveals import ignore
from tests.waiting import until

PUBLIC = [signing.public_key(key) for key in KEYS]
LATE_HEIGHTS = 3


def precommit(place: int, block: Block, round_: int = 0) -> Vote:
    return vote(KEYS[place], VoteKind.PRECOMMIT, block, block.header.height, round_)


def commit_of(block: Block, *places: int) -> Commit:
    return commit_from_votes(precommit(place, block) for place in places)


# ---- the rules, on a registry's state ----


class Registry:
    """Four validators with a quarter of the stake each, and blocks that leave the last one out."""

    def __init__(self) -> None:
        rules = StakingRules(
            epoch_blocks=100, min_stake_ugtx=1, late_heights=LATE_HEIGHTS, evidence_epochs=2
        )
        validators = ValidatorSet(
            msgspec.structs.replace(each, reputation=500_000, region=1) for each in VALIDATORS
        )
        parameters = ChainParameters(staking=rules, registry=True)
        coins = initial_coins(CHAIN, [], validators=validators)
        self.store = ChainStore.on(MemoryStore(), CHAIN, GENESIS_ID, 0, parameters, coins)
        self.application = ChainApplication(
            self.store,
            BatchPool(),
            Shelf(),
            RegistrySets(self.store.database, 100),
            NoRegistry(),
            PUBLIC[0],
            lambda _: None,
            lambda: 10**6,
            ignore,
        )
        self.blocks: list[Block] = []

    async def built(self, *late: Vote) -> Block:
        height = self.store.tip.height + 1
        return await self.application.build(height, self.store.last_commit, late)

    async def grow(self, blocks: int, *late: Vote) -> None:
        """Blocks whose commits are three of the four; the first carries what is `late`."""
        for _ in range(blocks):
            block = await self.built(*late)
            await self.application.finalise(block, commit_of(block, 0, 1, 2))
            self.blocks.append(block)
            late = ()

    def presence(self) -> Presence:
        encoded = self.store.get(presence_coin_id(CHAIN))
        assert encoded is not None
        coin = decode_coin(encoded)
        assert isinstance(coin, Presence)
        return coin

    def conduct(self, place: int) -> Conduct:
        found = [each for each in self.presence().records if each.public_key == PUBLIC[place]]
        return found[0].conduct


async def test_a_late_precommit_counts_for_its_height() -> None:
    chain = Registry()
    await chain.grow(3)
    assert [each.height for each in chain.application.late_window()] == [1, 2]
    late = (precommit(3, chain.blocks[0]), precommit(3, chain.blocks[1], round_=4))
    block = await chain.built(*late)
    assert block.late == late
    assert await chain.application.judge(block)
    await chain.grow(1, *late)
    # Height 3 has opened with the block, and nobody has signed that late yet.
    assert [each.missing for each in chain.presence().window] == [(), (), (PUBLIC[3],)]
    await chain.grow(LATE_HEIGHTS)
    shown = [(chain.conduct(place).heights, chain.conduct(place).signed) for place in (1, 3)]
    assert shown == [(3, 3), (3, 2)]


Spoil = Callable[[Registry], Sequence[Vote]]
WRONG: dict[str, tuple[str, Spoil]] = {
    "forged": (
        "bad_signature",
        lambda chain: [
            msgspec.structs.replace(
                precommit(3, chain.blocks[4]), signature=precommit(2, chain.blocks[4]).signature
            )
        ],
    ),
    "carried twice": ("duplicate_signer", lambda chain: [precommit(3, chain.blocks[4])] * 2),
    "of two rounds": (
        "duplicate_signer",
        lambda chain: [precommit(3, chain.blocks[4]), precommit(3, chain.blocks[4], 1)],
    ),
    "counted before": ("unknown_validator", lambda chain: [precommit(3, chain.blocks[3])]),
    "in the commit already": ("unknown_validator", lambda chain: [precommit(1, chain.blocks[4])]),
    "of a stranger": ("unknown_validator", lambda chain: [of_stranger(chain.blocks[4])]),
    "too old": ("wrong_height", lambda chain: [precommit(3, chain.blocks[0])]),
    "of the parent, whose commit is open": (
        "wrong_height",
        lambda chain: [precommit(3, chain.blocks[-1])],
    ),
    "of a height to come": ("wrong_height", lambda chain: [precommit(3, at(chain, 99))]),
    "for another block": ("wrong_block", lambda chain: [precommit(3, at(chain, 5))]),
    "for nil": (
        "wrong_block",
        lambda _: [vote(KEYS[3], VoteKind.PRECOMMIT, None, 5)],
    ),
    "a prevote": (
        "malformed",
        lambda chain: [vote(KEYS[3], VoteKind.PREVOTE, chain.blocks[4], 5)],
    ),
    "out of order": (
        "duplicate_signer",
        lambda chain: [precommit(3, chain.blocks[5]), precommit(3, chain.blocks[4])],
    ),
}


def at(chain: Registry, height: int) -> Block:
    """A block that is not the chain's."""
    header = msgspec.structs.replace(chain.blocks[0].header, height=height, time_ms=1)
    return msgspec.structs.replace(chain.blocks[0], header=header)


def of_stranger(block: Block) -> Vote:
    return vote(bytes([9]) * 32, VoteKind.PRECOMMIT, block, block.header.height)


@pytest.mark.parametrize("case", WRONG)
async def test_a_block_with_a_wrong_one_is_invalid(case: str) -> None:
    """Of seven heights, 4 to 6 are open; the last validator's vote for 4 has been carried."""
    chain = Registry()
    await chain.grow(6)
    await chain.grow(1, precommit(3, chain.blocks[3]))
    assert [each.height for each in chain.application.late_window()] == [4, 5, 6]
    reason, spoil = WRONG[case]
    assert await chain.application.judge(await chain.built(precommit(3, chain.blocks[4])))
    wrong = await chain.built(*spoil(chain))
    assert not await chain.application.judge(wrong)
    # Nor does it take effect where two thirds have signed it all the same.
    with pytest.raises(Diverged, match=f"wrong_late_votes: {reason}"):
        await chain.application.finalise(wrong, commit_of(wrong, 0, 1, 2))


async def test_what_the_header_does_not_name_is_not_carried() -> None:
    chain = Registry()
    await chain.grow(3)
    block = await chain.built()
    late = (precommit(3, chain.blocks[0]),)
    assert not await chain.application.judge(msgspec.structs.replace(block, late=late))
    header = msgspec.structs.replace(block.header, late_root=late_root(late))
    assert not await chain.application.judge(msgspec.structs.replace(block, header=header))


async def test_there_are_no_more_than_a_block_has_room_for() -> None:
    chain = Registry()
    block = await chain.built()
    vote_ = precommit(3, block)
    full = msgspec.structs.replace(block, late=(vote_,) * MAX_LATE_VOTES)
    assert block_codec.decode(block_codec.encode(full)) == full
    over = msgspec.structs.replace(block, late=(vote_,) * (MAX_LATE_VOTES + 1))
    with pytest.raises(DecodeError):
        block_codec.decode(block_codec.encode(over))


async def test_many_signatures_are_verified_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same verdict."""
    threads: list[int] = []
    verify_slice = signing.verify_slice

    def noting(checks: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        threads.append(threading.get_ident())
        return verify_slice(checks)

    monkeypatch.setattr("consensus.presence.signing.verify_slice", noting)
    chain = Registry()
    await chain.grow(3)
    good = await chain.built(precommit(3, chain.blocks[0]))
    forged = await chain.built(
        msgspec.structs.replace(
            precommit(3, chain.blocks[0]), signature=precommit(2, chain.blocks[0]).signature
        )
    )
    for few, aside in ((32, False), (3, True)):
        monkeypatch.setattr("gtxnode.application.FEW_SIGNATURES", few)
        threads.clear()
        assert await chain.application.judge(good)
        assert not await chain.application.judge(forged)
        assert {thread != threading.get_ident() for thread in threads} == {aside}


async def test_only_the_registry_counts_who_is_present() -> None:
    plain = PlainChain()
    block = await plain.application.build(1, None)
    late = (precommit(3, block),)
    assert plain.application.late_window() == ()
    assert not await plain.application.judge(await plain.application.build(1, None, late))


# ---- what a node keeps of what it hears ----


def test_what_is_kept_is_bounded_by_the_seats_of_open_heights() -> None:
    """Once a validator and height, whatever is signed; and what no block can carry is dropped."""
    held = LateVotes()
    for round_ in range(50):
        held.keep([precommit(place, FIRST, round_) for place in range(4)])
    assert len(held) == 4
    assert precommit(2, FIRST, 99) in held
    missing = tuple(sorted((PUBLIC[2], PUBLIC[3])))
    window: Window = (OpenHeight(1, block_id(FIRST.header), missing),)
    held.trim(window, 1)
    assert len(held) == 4  # of the head, nobody knows yet who will be missing
    held.trim(window, 2)
    assert [each.validator for each in held.choose(window)] == list(missing)
    assert held.choose(()) == ()
    held.trim((), 2)
    assert len(held) == 0


def test_a_block_carries_no_more_than_it_has_room_for() -> None:
    """What expires first comes first."""
    vote_ = precommit(0, FIRST)
    held = LateVotes()
    keys = [place.to_bytes(33, "big") for place in range(MAX_LATE_VOTES)]
    heights = (8, 7)
    held.keep(
        msgspec.structs.replace(vote_, height=height, validator=key)
        for height in heights
        for key in keys
    )
    window: Window = tuple(OpenHeight(height, bytes(32), tuple(keys)) for height in (7, 8))
    chosen = held.choose(window)
    assert [(each.height, each.validator) for each in chosen] == [(7, key) for key in keys]


class Counting(Chain):
    """An application that counts who is present, and keeps what it was to carry."""

    def __init__(self) -> None:
        super().__init__()
        self.window: Window = ()
        self.carried: list[tuple[int, tuple[Vote, ...]]] = []

    def late_window(self) -> Window:
        return self.window

    async def build(self, height: int, last_commit: Commit | None, late: tuple[Vote, ...]) -> Block:
        self.carried.append((height, late))
        return await super().build(height, last_commit, late)

    async def finalise(self, block: Block, commit: Commit) -> None:
        await super().finalise(block, commit)
        if block.last_commit is not None:
            signed = credited(self.window, block.late)
            opened = open_height(VALIDATORS, block.last_commit)
            self.window, _ = advanced(signed, opened, LATE_HEIGHTS)


ME = PUBLIC.index(signing.public_key(proposer(4)))
VICTIM = next(place for place in range(4) if KEYS[place] not in (KEYS[ME], proposer(1)))
SIGNERS = [place for place in range(4) if place != VICTIM]


def next_on(chain: Chain) -> Block:
    """A block on what is final, whose commit leaves the victim out."""
    return block_on(chain.tip, chain.final[-1][1] if chain.final else None)


async def test_what_is_heard_late_is_carried_by_our_next_block(tmp_path: Path) -> None:
    """Of the height before, and of those before that."""
    chain = Counting()
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        blocks = []
        for height in (1, 2):
            blocks.append(next_on(chain))
            await life.engine.synced(blocks[-1], commit_of(blocks[-1], *SIGNERS))
            await until(lambda height=height: life.engine.height == height + 1)  # type: ignore[misc]
        late = [precommit(VICTIM, block) for block in blocks]
        await life.hear(*[VoteMessage(each) for each in late])
        third = next_on(chain)
        await life.engine.synced(third, commit_of(third, *SIGNERS))
        await until(lambda: bool(chain.carried) and chain.carried[-1][0] == 4)
        assert chain.carried[-1] == (4, tuple(late))
        assert life.ear.charges == []


async def test_what_a_proposer_leaves_out_of_its_commit_is_carried_after(tmp_path: Path) -> None:
    """Though nobody sends it again: it was heard in time."""
    chain = Counting()
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        first = next_on(chain)
        others = [place for place in range(4) if place != ME]
        await life.hear(proposal(first))
        for kind in VoteKind:
            await life.hear(*[VoteMessage(vote(KEYS[each], kind, first)) for each in others])
        await until(lambda: life.engine.height == 2)
        for height in (2, 3):
            block = block_on(chain.tip, commit_of(chain.final[-1][0], *SIGNERS))
            await life.engine.synced(block, commit_of(block, *SIGNERS))
            await until(lambda height=height: life.engine.height == height + 1)  # type: ignore[misc]
        await until(lambda: bool(chain.carried) and chain.carried[-1][0] == 4)
        assert chain.carried[-1] == (4, (precommit(VICTIM, first),))


WAYS = (
    "before it is final",
    "before others bring the block",
    "once it is final",
    "after a restart",
)


@pytest.mark.parametrize("way", WAYS)
async def test_a_precommit_that_has_no_place_in_our_commit_is_carried(
    tmp_path: Path, way: str
) -> None:
    """One of another round than we decide by, or of a block that we did not decide ourselves."""
    chain = Counting()
    first = next_on(chain)
    early = precommit(VICTIM, first, round_=0 if way == "after a restart" else 1)
    if way == "after a restart":
        await chain.finalise(first, commit_of(first, *SIGNERS))
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        if way.startswith("before"):
            await life.hear(proposal(first), VoteMessage(early))
            await wait_all_tasks_blocked()
        if way == "before others bring the block":
            await life.engine.synced(first, commit_of(first, *SIGNERS))
        elif way != "after a restart":
            others = [place for place in SIGNERS if place != ME]
            await life.hear(proposal(first))
            for kind in VoteKind:
                await life.hear(*[VoteMessage(vote(KEYS[each], kind, first)) for each in others])
        await until(lambda: life.engine.height == 2)
        await wait_all_tasks_blocked()
        await life.hear(VoteMessage(early))
        for height in (2, 3):
            block = block_on(chain.tip, commit_of(chain.final[-1][0], *SIGNERS))
            await life.engine.synced(block, commit_of(block, *SIGNERS))
            await until(lambda height=height: life.engine.height == height + 1)  # type: ignore[misc]
        await until(lambda: bool(chain.carried) and chain.carried[-1][0] == 4)
        assert chain.carried[-1] == (4, (early,))
        assert life.ear.charges == []


async def test_a_precommit_that_waits_while_its_block_is_written_is_carried(tmp_path: Path) -> None:
    """It was taken for the height at hand, and comes to its turn at the next."""
    chain = Counting()
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        first = next_on(chain)
        finalise = chain.finalise

        async def busy(block: Block, commit: Commit) -> None:
            if block == first:
                await life.hear(VoteMessage(precommit(VICTIM, first)))
            await finalise(block, commit)

        chain.finalise = busy  # type: ignore[method-assign]
        await life.engine.synced(first, commit_of(first, *SIGNERS))
        await until(lambda: life.engine.height == 2)
        for height in (2, 3):
            block = block_on(chain.tip, commit_of(chain.final[-1][0], *SIGNERS))
            await life.engine.synced(block, commit_of(block, *SIGNERS))
            await until(lambda height=height: life.engine.height == height + 1)  # type: ignore[misc]
        await until(lambda: bool(chain.carried) and chain.carried[-1][0] == 4)
        assert chain.carried[-1] == (4, (precommit(VICTIM, first),))
        assert life.ear.charges == []


async def test_what_is_heard_after_a_restart_fits_into_the_commit(tmp_path: Path) -> None:
    """Where our block is the next."""
    chain = Counting()
    for _ in range(3):
        block = next_on(chain)
        await chain.finalise(block, commit_of(block, *SIGNERS))
    block = chain.final[-1][0]
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        await life.hear(VoteMessage(precommit(VICTIM, block)))
        await until(lambda: any(isinstance(each, ProposalMessage) for each in life.ear.said))
        (said,) = [each for each in life.ear.said if isinstance(each, ProposalMessage)]
        assert said.block.last_commit == commit_of(block, *sorted((*SIGNERS, VICTIM)))


async def test_what_counts_for_nothing_is_dropped_and_forgery_is_charged(tmp_path: Path) -> None:
    chain = Counting()
    async with living(tmp_path, chain, key=KEYS[ME]) as life:
        blocks = []
        for height in (1, 2):
            blocks.append(next_on(chain))
            await life.engine.synced(blocks[-1], commit_of(blocks[-1], *SIGNERS))
            await until(lambda height=height: life.engine.height == height + 1)  # type: ignore[misc]
        first = blocks[0]
        good = precommit(VICTIM, first)
        forged = msgspec.structs.replace(good, signature=precommit(ME, first).signature)
        useless = [
            precommit(SIGNERS[0], first),
            of_stranger(first),
            vote(KEYS[VICTIM], VoteKind.PRECOMMIT, None),
            vote(KEYS[VICTIM], VoteKind.PREVOTE, first),
        ]
        await life.hear(*[VoteMessage(each) for each in useless])
        await wait_all_tasks_blocked()
        assert life.ear.charges == []
        await life.hear(VoteMessage(forged))
        assert life.ear.charges == [(PEER, Offence.BAD_SIGNATURE)]
        assert life.ear.refusals == [*["wrong_height"] * len(useless), "bad_signature"]
        third = next_on(chain)
        await life.engine.synced(third, commit_of(third, *SIGNERS))
        await until(lambda: bool(chain.carried) and chain.carried[-1][0] == 4)
        assert chain.carried[-1] == (4, ())
