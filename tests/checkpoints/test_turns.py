"""Where authorities change: that checkpoint is signed before anything newer, however late it is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.replay import CHAIN, GENESIS_ID
from consensus.authorities import Authority as Seat
from consensus.authorities import AuthoritySet
from consensus.checkpoints import Certificate, SignedCheckpoint, certify, check_contradiction
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints import service
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.guard import CheckpointGuard
from gtxnode.checkpoints.service import BEHIND
from gtxnode.checkpoints.statement import Statements
from gtxnode.checkpoints.trust import Trust, encode_trust, gather
from gtxnode.checkpoints.turns import Turns, turns
from gtxnode.ledger.authority.authorities import (
    BarredKey,
    BarredKeys,
    all_authorities,
    barred_coin_id,
)
from gtxnode.ledger.authority.authority_keys import AuthorityKeys, Rotation, authority_keys_coin_id
from gtxnode.ledger.coins import HeldCoin, encode_coin
from gtxnode.primitives.zones import Role
from gtxnode.signer import WouldGoBack
from p2p.network import Offence
from storage.memory import MemoryStore
from tests.checkpoints.statements import checkpoint, key, public, word
from tests.checkpoints.test_service import (
    INTERVAL,
    PARAMETERS,
    Scene,
    guard,
    led_by,
    scene,
    stated,
    statements,
)
from tests.node.little_chain import COINS, extend
from tests.waiting import until

NEW = 9
"""The number of the first role's new key."""
TURN = 20
ROTATED = AuthorityKeys(
    tuple(Seat(role, (public(role),)) for role in (1, 2, 3, 4)),
    (Rotation(Role(1), 1, (public(NEW),), 1, TURN - 3),),
)
OLD = all_authorities(PARAMETERS)
assert OLD is not None
AFTER = AuthoritySet([Seat(1, (public(NEW),)), *OLD.authorities[1:]], OLD.threshold)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPEAT_S", 0.02)


def a_chain(blocks: int, keys: AuthorityKeys = ROTATED, *barred: BarredKey) -> ChainStore:
    """A chain on which the first role's key changes for the checkpoints after `TURN`."""
    coins = {authority_keys_coin_id(CHAIN): HeldCoin(keys, encode_coin(keys))}
    if barred:
        held = BarredKeys(barred)
        coins[barred_coin_id(CHAIN)] = HeldCoin(held, encode_coin(held))
    store = ChainStore.on(MemoryStore(), CHAIN, GENESIS_ID, 0, PARAMETERS, COINS | coins)
    extend(store, blocks)
    return store


def certificate(store: ChainStore, height: int, *signers: int) -> Certificate:
    """By keys of these numbers, of those who have to sign or not."""
    authorities = Statements.authorities(statements(store), height)
    assert authorities is not None
    made = certify(authorities, [word(signer, stated(store, height)) for signer in signers])
    assert made is not None
    return made


def certified(store: ChainStore, *heights: int) -> ChainStore:
    """The chain, with certificates kept of these heights."""
    for height in heights:
        made = certificate(store, height, *((1, 2, 3) if height <= TURN else (NEW, 2, 3)))
        CertificateArchive(store.database).keep(made)
    return store


def test_a_turn_is_where_signers_and_successors_differ() -> None:
    store = a_chain(45)
    (turn,) = turns(store)
    assert (turn.height, turn.signers, turn.successors) == (TURN, OLD, AFTER)
    assert not list(turns(store, TURN))
    found = Turns(store, CertificateArchive(store.database))
    assert found.missing() == TURN
    certified(store, TURN)
    assert found.missing() is None
    # What changes and changes back before the next checkpoint is none.
    back = Rotation(Role(1), 2, (public(1),), 2, TURN - 1)
    both = AuthorityKeys(ROTATED.founding, (*ROTATED.rotations, back))
    assert not list(turns(a_chain(45, both)))


def test_no_certificate_is_asked_for_where_nobody_is_left_to_sign_or_was_before() -> None:
    barred = [BarredKey(public(role), 13) for role in (2, 3)]
    # New keys for both, in force from the checkpoint at 40 on.
    news = [Rotation(Role(role), 1, (public(role + 50),), 9, 35) for role in (2, 3)]
    keys = AuthorityKeys(ROTATED.founding, tuple(news))
    store = a_chain(65, keys, *barred)
    first, second = turns(store)
    assert (first.height, second.height) == (20, 40)
    assert first.is_break
    assert second.is_break
    assert Turns(store, CertificateArchive(store.database)).missing() is None
    kept = CertificateArchive(store.database)
    for height, signers in ((10, (1, 2, 3)), (20, (1, 2, 3)), (50, (1, 52, 53))):
        kept.keep(certificate(store, height, *signers))
    # It leads to the last before the break, and on from the first after it.
    assert gather(store).newest.checkpoint.height == 20
    assert gather(store, 45).newest.checkpoint.height == 50


# ---- what is signed ----


def heights(said: Sequence[SignedCheckpoint]) -> set[int]:
    return {each.checkpoint.height for each in said}


async def test_a_turn_is_signed_before_anything_newer_and_nothing_is_taken_before_it(
    tmp_path: Path,
) -> None:
    with guard(tmp_path, 2) as two, guard(tmp_path, NEW) as new:
        async with scene(a_chain(TURN + 1), [two, new]) as at:
            await until(lambda: at.seen.turn == TURN)
            at.grow(2 * INTERVAL)
            at.hear(stated(at.store, 30), NEW, 3, 4)  # by those who signed past it
            asked = at.asked
            await until(lambda: at.asked > asked + 3)
            assert heights(at.said) == {TURN}
            assert at.checkpoints.height == 0
            assert at.checkpoints.turn == TURN
            assert at.seen.checkpoints[-1] == (0, 41)
            at.hear(stated(at.store, TURN), 1, 3)
            # Those words of 30 counted from then on, and our own comes for the newest.
            await at.certified(30)
            assert at.seen.turn == 0
            await until(lambda: heights(at.said) == {TURN, 40})
            newest = [each for each in at.said if each.checkpoint.height == 40]
            assert {each.public_key for each in newest} == {public(2), public(NEW)}
            assert gather(at.store).steps[0].certificate.checkpoint.height == TURN


async def test_words_for_a_turn_are_taken_however_late_they_come() -> None:
    async with scene(a_chain(TURN + (BEHIND + 4) * INTERVAL)) as at:
        await until(lambda: at.checkpoints.turn == TURN)
        at.hear(stated(at.store, TURN + INTERVAL), 2, 3, 4)  # too old, and no turn
        at.hear(stated(at.store, TURN), 1)
        at.hear(stated(at.store, TURN), 2, 3)
        await at.certified(TURN)
        assert at.checkpoints.turn is None
        assert not at.seen.wrong_words


async def test_an_authority_that_was_away_signs_the_turn_when_it_is_back(tmp_path: Path) -> None:
    with guard(tmp_path, 1) as one:
        one.sign(stated(a_chain(10), 10))
        store = a_chain(0)
        async with scene(store, [one]) as at:
            at.behind = True
            at.grow(TURN + 5 * INTERVAL)
            await until(lambda: at.checkpoints.turn == TURN)
            assert not at.said
            at.behind = False
            at.grow(1)
            await until(lambda: heights(at.said) == {TURN})


# ---- what peers bring ----


async def test_a_certificate_that_skips_a_turn_is_refused_by_name_and_charged() -> None:
    async with scene(a_chain(TURN + 15)) as at:
        at.answers = [led_by(certificate(at.store, 30, 2, 3, 4)), b""]
        await until(lambda: at.seen.wrong_words == ["skips_checkpoint"])
        assert at.charges(Offence.INVALID) == 1
        assert at.checkpoints.height == 0


async def test_one_that_was_ahead_is_refused_where_the_chain_shows_that_it_skips() -> None:
    async with scene(a_chain(12)) as at:
        whole = a_chain(30)
        at.answers = [led_by(certificate(whole, 30, 2, 3, 4)), b""]
        await until(lambda: _held(at, 30))
        at.grow(18)
        await until(lambda: at.seen.wrong_words == ["skips_checkpoint"])
        assert at.charges(Offence.INVALID) == 1
        assert not _held(at, 30)
        at.hear(stated(at.store, TURN), 1, 2, 3)
        await at.certified(TURN)


@pytest.mark.parametrize("tip", [12, TURN + 5, TURN + 25])
async def test_who_starts_later_learns_the_turn_and_the_newest(tip: int) -> None:
    whole = certified(a_chain(TURN + 30), 10, TURN, 40)
    async with scene(a_chain(tip)) as at:
        at.answers = [encode_trust(gather(whole))]
        await until(lambda: _held(at, 40))
        at.grow(TURN + 30 - tip)
        await at.certified(40)
        kept = CertificateArchive(at.store.database)
        assert kept.at(TURN) == CertificateArchive(whole.database).at(TURN)
        assert gather(at.store) == gather(whole)
        assert not at.seen.wrong_words


async def test_a_lead_that_does_not_lead_is_refused() -> None:
    whole = certified(a_chain(TURN + 30), TURN, 40)
    lead = gather(whole)
    wrong = {
        # The new key counts for nothing where nobody names it.
        "unknown_authority": Trust(CHAIN, (), lead.newest),
        "malformed": Trust(CHAIN, (lead.steps[0],) * 65, lead.newest),
    }
    async with scene(a_chain(TURN + 5)) as at:
        for number, (reason, made) in enumerate(wrong.items(), 1):
            at.answers = [encode_trust(made), b""]
            await until(lambda: at.charges(Offence.INVALID) == number)  # noqa: B023 - awaited here
            assert at.seen.wrong_words[-1] == reason


def _held(at: Scene, height: int) -> bool:
    return height in at.checkpoints._points


async def test_who_signed_another_block_than_what_is_final_is_accused() -> None:
    async with scene(a_chain(15)) as at:
        lie = certify(
            all_authorities(PARAMETERS) or AFTER,
            [word(role, checkpoint(TURN, chain_id=CHAIN)) for role in (1, 2, 3)],
        )
        assert lie is not None
        at.answers = [led_by(lie), b""]
        await until(lambda: _held(at, TURN))
        at.hear(stated(a_chain(TURN), TURN), 2)
        at.grow(5)
        at.hear(stated(at.store, TURN), 3, 4)
        await until(lambda: len(at.accused) == 2)
        for first, second in at.accused:
            assert first.public_key == second.public_key
            assert check_contradiction(CHAIN, AFTER, first, second) in (2, 3)
        await at.certified(TURN)  # by what is true of what they said


# ---- homes from before turns came first ----


async def test_who_signed_past_a_turn_signs_it_as_its_last_word_commits_to_it(
    tmp_path: Path,
) -> None:
    with guard(tmp_path, 2) as two, guard(tmp_path, 3) as three:
        store = certified(a_chain(35), 10, 30)
        for each in (two, three):
            each.sign(stated(store, 30))
        async with scene(store, [two, three]) as at:
            await until(lambda: heights(at.said) == {TURN})
            assert at.checkpoints.height == 30
            assert at.seen.checkpoints[-1] == (10, 25)  # what leads on counts
            at.hear(stated(store, TURN), 1)
            await until(lambda: at.checkpoints.turn is None)
            assert gather(store).newest == CertificateArchive(store.database).at(30)
            at.grow(INTERVAL)
            await until(lambda: 40 in heights(at.said))
        assert two.last_height == 40


async def test_who_signed_past_it_on_another_chain_signs_nothing_below(tmp_path: Path) -> None:
    with guard(tmp_path, 2) as two:
        two.sign(checkpoint(30, 7, chain_id=CHAIN))
        async with scene(a_chain(35), [two]) as at:
            await until(lambda: at.asked > 2)
            assert not at.said


async def test_nothing_is_signed_before_the_chain_is_where_the_guard_was(tmp_path: Path) -> None:
    whole = a_chain(45)
    with guard(tmp_path, 2) as two:
        two.sign(stated(whole, 40))
        async with scene(a_chain(25), [two]) as at:
            await until(lambda: at.asked > 2)
            assert not at.said
            at.grow(20)
            await until(lambda: heights(at.said) == {TURN})


def test_below_its_last_word_a_guard_signs_what_that_commits_to_and_no_other(
    tmp_path: Path,
) -> None:
    made = CheckpointGuard.open(tmp_path / "guard", key(1), CHAIN, create=True)
    last, missed = checkpoint(40, 1, epoch=2, chain_id=CHAIN), checkpoint(20, 1, chain_id=CHAIN)
    made.sign(last)
    assert made.sign_below(missed, last) == word(1, missed)
    assert made.last_height == 40
    wrong = (
        (missed, checkpoint(40, 2, epoch=2, chain_id=CHAIN)),
        (missed, checkpoint(30, 1, epoch=2, chain_id=CHAIN)),
        (checkpoint(20, 1, epoch=3, chain_id=CHAIN), last),
        (checkpoint(40, 1, epoch=1, chain_id=CHAIN), last),
        (checkpoint(41, 1, epoch=2, chain_id=CHAIN), last),
    )
    for below, shown in wrong:
        with pytest.raises(WouldGoBack):
            made.sign_below(below, shown)
    made.close()
