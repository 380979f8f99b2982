"""Whom to dial, charge and keep out; identities and rates. Pure pieces, with clocks as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p import peers
from p2p.errors import InvalidIdentity
from p2p.identity import PeerId, peer_id_of, public_key_of
from p2p.network import Direction, Limits, Offence
from p2p.peers import ADDRESSES_PER_PEER, DIAL_TARGET, FAILURES_TO_FORGET, HEAD_START_S, Roster
from p2p.rates import CHARGE_EVERY_S, Rate

OWN, LOWER, HIGHER = PeerId("m"), PeerId("a"), PeerId("z")
LIMITS = Limits()


def roster() -> Roster:
    return Roster(OWN, LIMITS)


def names(dials: tuple[tuple[PeerId, tuple[str, ...]], ...]) -> list[PeerId]:
    return [peer for peer, _ in dials]


def test_a_peer_id_is_the_one_other_libraries_give() -> None:
    # The public key of private key 1, the curve's generator.
    public = public_key_of((1).to_bytes(32, "big"))
    assert public.hex() == "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    assert peer_id_of(public) == "16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq"


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\xff" * 32, b"x" * 31])
def test_keys_that_are_none(key: bytes) -> None:
    with pytest.raises(InvalidIdentity):
        public_key_of(key)
    with pytest.raises(InvalidIdentity):
        peer_id_of(key)


def test_the_lower_id_dials_first() -> None:
    book = roster()
    book.want(HIGHER, "h", 0.0)
    book.want(LOWER, "l", 0.0)
    assert names(book.due(0.0)) == [HIGHER]
    assert names(book.due(HEAD_START_S)) == [LOWER]
    assert book.due(100.0) == ()  # both are being dialled


def test_both_ends_keep_the_same_of_two_connections() -> None:
    lower, higher = Roster(LOWER, LIMITS), Roster(HIGHER, LIMITS)
    for dialled_by_lower in (True, False):
        at_lower = Direction.OUTBOUND if dialled_by_lower else Direction.INBOUND
        at_higher = Direction.INBOUND if dialled_by_lower else Direction.OUTBOUND
        kept = lower.keeps(HIGHER, at_lower)
        assert kept == higher.keeps(LOWER, at_higher) == dialled_by_lower


def test_redialling_waits_longer_up_to_a_bound() -> None:
    book = roster()
    book.want(HIGHER, "h", 0.0)
    now, waits = 0.0, []
    for _ in range(6):
        assert names(book.due(now)) == [HIGHER]
        book.dial_failed(HIGHER, now)
        wait = next(w / 10 for w in range(1_000) if _is_due_at(book, now + w / 10))
        waits.append(wait)
        now += wait
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def _is_due_at(book: Roster, now: float) -> bool:
    return book._known[HIGHER].next_dial <= now


def test_one_that_was_lost_is_dialled_again_soon() -> None:
    book = roster()
    book.want(HIGHER, "h", 0.0)
    book.due(0.0)
    book.connected(HIGHER, Direction.OUTBOUND)
    assert book.due(50.0) == ()
    book.disconnected(HIGHER, 50.0)
    assert book.due(50.5) == ()
    assert names(book.due(51.0)) == [HIGHER]


def test_hearsay_that_never_answers_is_forgotten_but_the_wanted_are_not() -> None:
    book = roster()
    book.learn(HIGHER, ("h",), 0.0)
    book.want(LOWER, "l", 0.0)
    now = 0.0
    for _ in range(FAILURES_TO_FORGET):
        now += 10.0
        for peer in names(book.due(now)):
            book.dial_failed(peer, now)
    assert names(book.due(now + 10.0)) == [LOWER]
    assert book.known() == ((LOWER, "l"),)


def test_hearsay_is_bounded_and_does_not_fill_the_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "KNOWN_PEERS", 100)
    book = roster()
    for number in range(200):
        book.learn(PeerId(f"z{number:03}"), ("x",), 0.0)
    book.learn(PeerId("z000"), tuple(str(n) for n in range(50)), 0.0)
    book.learn(OWN, ("me",), 0.0)
    assert len({peer for peer, _ in book.known()}) == 100
    assert len(book.addresses(PeerId("z000"))) == ADDRESSES_PER_PEER
    assert len(book.due(10.0)) == DIAL_TARGET


def test_offences_ban_for_a_while_and_fade() -> None:
    book = roster()
    book.want(HIGHER, "h", 0.0)
    assert not book.charge(HIGHER, Offence.MALFORMED, 0.0)
    assert book.score(HIGHER, 0.0) == 60.0
    assert book.score(HIGHER, LIMITS.score_half_life_s) == pytest.approx(30.0)
    assert book.charge(HIGHER, Offence.WRONG_CHAIN, 1.0)
    assert not book.charge(HIGHER, Offence.WRONG_CHAIN, 2.0), "a ban is not announced twice"
    assert book.banned(2.0) == (HIGHER,)
    assert not book.admits(HIGHER, 2.0)
    assert book.due(2.0) == ()
    end = 1.0 + LIMITS.ban_s
    assert book.banned(end) == ()
    assert book.admits(HIGHER, end)
    assert names(book.due(end)) == [HIGHER]


def test_slowness_alone_never_bans() -> None:
    book = roster()
    for second in range(0, 100_000, 10):
        assert not book.charge(HIGHER, Offence.STALLED, float(second))
        assert not book.charge(HIGHER, Offence.UNANSWERED, float(second))


def test_a_flood_of_offenders_does_not_forget_a_ban(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CHARGED_PEERS", 10)
    book = roster()
    book.charge(HIGHER, Offence.WRONG_CHAIN, 0.0)
    for number in range(100):
        book.charge(PeerId(str(number)), Offence.FLOOD, 1.0)
    assert book.is_banned(HIGHER, 2.0)
    assert len(book._records) == 10


def test_a_full_house_admits_only_who_is_in_it() -> None:
    book = Roster(OWN, Limits(connections=1))
    assert book.admits(HIGHER, 0.0)
    book.connected(HIGHER, Direction.INBOUND)
    assert book.admits(HIGHER, 0.0)
    assert not book.admits(LOWER, 0.0)


def test_every_offence_has_a_weight() -> None:
    assert set(peers.WEIGHTS) == set(Offence)


@given(st.lists(st.floats(0, 10), max_size=300))
def test_a_rate_lets_no_more_pass_than_it_says(pauses: list[float]) -> None:
    rate, now, passed = Rate(per_s=5.0, burst=20.0, now=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        passed += rate.takes(now)
    assert passed <= 20 + 5 * now + 1e-6


def test_being_over_a_rate_is_charged_once_in_a_while() -> None:
    rate = Rate(per_s=1.0, burst=1.0, now=0.0)
    charged = sum(rate.is_first_over(at * CHARGE_EVERY_S / 10) for at in range(100))
    assert charged == 10
