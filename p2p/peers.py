"""Whom to dial and when, whom to charge, whom to keep out: decisions only.

A pure piece: the clock comes in as `now` (seconds of any monotonic clock), decisions go out
as values, and the shell around it dials and closes. Invariants: a banned peer is never due;
of two connections to one peer both sides keep the same one; every map is bounded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from p2p.identity import PeerId
from p2p.network import Direction, Limits, Offence

ADDRESSES_PER_PEER = 8
KNOWN_PEERS = 1_024
CHARGED_PEERS = 4_096
# Beyond this many connections, addresses that were only heard of are not dialled.
DIAL_TARGET = 32
# A heard-of peer that was never reached is forgotten after this many failures.
FAILURES_TO_FORGET = 10
# Who has the higher id leaves the lower one this head start, so that dials seldom cross.
HEAD_START_S = 0.5

# What an offence adds to the score; `Limits.ban_score` (100) bans: two of the first kind in
# a few minutes, three invalid messages, ten seconds of flooding. Slowness alone never
# does: an honest node on a loaded machine looks just like that.
WEIGHTS: Mapping[Offence, float] = {
    Offence.MALFORMED: 60.0,
    Offence.OVERSIZE: 60.0,
    Offence.BAD_SIGNATURE: 60.0,
    Offence.INVALID: 35.0,
    Offence.WRONG_CHAIN: 100.0,
    Offence.FLOOD: 10.5,
    Offence.STALLED: 0.0,
    Offence.UNANSWERED: 0.5,
}


@dataclass(slots=True)
class _Known:
    """What is remembered of a peer that may be dialled."""

    addresses: list[str]
    wanted: bool = False  # bootstrap or dialled by hand: redialled for ever
    reached: bool = False  # connected at least once
    failures: int = 0
    next_dial: float = 0.0
    dialling: bool = False


@dataclass(slots=True)
class _Record:
    """A peer's score as of a time, and until when it is banned."""

    score: float = 0.0
    at: float = 0.0
    banned_until: float = float("-inf")


@dataclass(slots=True)
class Roster:
    """The peers this node knows of, is connected to, and has charged."""

    own: PeerId
    limits: Limits
    _known: dict[PeerId, _Known] = field(default_factory=dict)
    _connected: dict[PeerId, Direction] = field(default_factory=dict)
    _records: dict[PeerId, _Record] = field(default_factory=dict)

    # -- addresses ---------------------------------------------------------------------

    def want(self, peer: PeerId, address: str, now: float) -> None:
        """Keep up a connection to this peer: it is redialled whenever it is gone.

        Ourselves are passed over, so that all nodes can be given one list.
        """
        if peer == self.own:
            return
        self._remember(peer, (address,), now).wanted = True

    def learn(self, peer: PeerId, addresses: Iterable[str], now: float) -> None:
        """Take up addresses that were heard of. At the bound, unknown peers are ignored."""
        if peer == self.own or (peer not in self._known and len(self._known) >= KNOWN_PEERS):
            return
        self._remember(peer, addresses, now)

    def known(self) -> tuple[tuple[PeerId, str], ...]:
        """Every address worth storing, those that once connected first."""
        order = sorted(self._known.items(), key=lambda item: (not item[1].reached, item[0]))
        return tuple((peer, address) for peer, known in order for address in known.addresses)

    def addresses(self, peer: PeerId) -> tuple[str, ...]:
        """What is known of where this peer listens."""
        known = self._known.get(peer)
        return tuple(known.addresses) if known else ()

    def _remember(self, peer: PeerId, addresses: Iterable[str], now: float) -> _Known:
        known = self._known.get(peer)
        if known is None:
            head_start = HEAD_START_S if peer < self.own else 0.0
            known = self._known[peer] = _Known([], next_dial=now + head_start)
        for address in addresses:
            if address in known.addresses:
                continue
            # The newest is the likeliest to be right, so it goes first and the oldest goes.
            known.addresses.insert(0, address)
            del known.addresses[ADDRESSES_PER_PEER:]
        return known

    # -- connections -------------------------------------------------------------------

    def due(self, now: float) -> tuple[tuple[PeerId, tuple[str, ...]], ...]:
        """Whom to dial now, with their addresses; each is marked as being dialled."""
        room = DIAL_TARGET - len(self._connected)
        dials = []
        for peer, known in self._known.items():
            if not self._may_dial(peer, known, now) or known.next_dial > now:
                continue
            if not known.wanted:
                if room <= 0:
                    continue
                room -= 1
            known.dialling = True
            dials.append((peer, tuple(known.addresses)))
        return tuple(dials)

    def _may_dial(self, peer: PeerId, known: _Known, now: float) -> bool:
        return not (
            known.dialling
            or not known.addresses
            or peer in self._connected
            or self.is_banned(peer, now)
        )

    def dial_failed(self, peer: PeerId, now: float) -> None:
        """The dial came to nothing: wait longer each time, forget who was never reached."""
        known = self._known.get(peer)
        if known is None:
            return
        known.dialling = False
        known.failures += 1
        if not (known.wanted or known.reached) and known.failures >= FAILURES_TO_FORGET:
            del self._known[peer]
            return
        wait = self.limits.redial_min_s * 2 ** min(known.failures - 1, 16)
        known.next_dial = now + min(wait, self.limits.redial_max_s)

    def connected(self, peer: PeerId, direction: Direction) -> None:
        """A connection to the peer is up."""
        self._connected[peer] = direction
        known = self._known.get(peer)
        if known is not None:
            known.dialling, known.reached, known.failures = False, True, 0

    def disconnected(self, peer: PeerId, now: float) -> None:
        """The last connection to the peer is gone; it is due again after a moment."""
        self._connected.pop(peer, None)
        known = self._known.get(peer)
        if known is not None:
            head_start = HEAD_START_S if peer < self.own else 0.0
            known.next_dial = now + self.limits.redial_min_s + head_start

    def direction(self, peer: PeerId) -> Direction | None:
        """Who dialled the connection to this peer; None when there is none."""
        return self._connected.get(peer)

    def keeps(self, peer: PeerId, direction: Direction) -> bool:
        """Of two connections with one peer: whether this is the one to keep.

        It is the one that the lower id dialled, so both ends choose the same.
        """
        return (self.own < peer) == (direction is Direction.OUTBOUND)

    def admits(self, peer: PeerId, now: float) -> bool:
        """Whether a connection with this peer may stand."""
        if peer == self.own or self.is_banned(peer, now):
            return False
        return peer in self._connected or len(self._connected) < self.limits.connections

    # -- scores ------------------------------------------------------------------------

    def charge(self, peer: PeerId, offence: Offence, now: float) -> bool:
        """Add an offence to the peer's score; True when that bans it."""
        record = self._records.get(peer)
        if record is None:
            self._make_room(now)
            record = self._records[peer] = _Record(at=now)
        record.score = self._decayed(record, now) + WEIGHTS[offence]
        record.at = now
        if record.score < self.limits.ban_score or record.banned_until > now:
            return False
        record.banned_until = now + self.limits.ban_s
        # It comes back with half a ban's score, so a repeat is shorter.
        record.score = self.limits.ban_score / 2
        record.at = record.banned_until
        return True

    def score(self, peer: PeerId, now: float) -> float:
        """The peer's score now: 0 for a clean one, halved every `score_half_life_s`."""
        record = self._records.get(peer)
        return self._decayed(record, now) if record else 0.0

    def is_banned(self, peer: PeerId, now: float) -> bool:
        """Whether the peer is kept out now."""
        record = self._records.get(peer)
        return record is not None and record.banned_until > now

    def banned(self, now: float) -> tuple[PeerId, ...]:
        """All peers that are kept out now, sorted."""
        return tuple(sorted(p for p, r in self._records.items() if r.banned_until > now))

    def _decayed(self, record: _Record, now: float) -> float:
        age = max(0.0, now - record.at)
        return float(record.score * 0.5 ** (age / self.limits.score_half_life_s))

    def _make_room(self, now: float) -> None:
        """Forget the mildest record when full; a ban outlives any that is not one."""
        if len(self._records) < CHARGED_PEERS:
            return
        mildest = min(
            self._records,
            key=lambda peer: (self.is_banned(peer, now), self.score(peer, now)),
        )
        del self._records[mildest]
