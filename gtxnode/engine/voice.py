"""What this validator says: signed under its guard, journaled with all that it rests on, then sent.

Invariants:
- before a message of ours leaves, it is in the journal with all that it rests on, under one fsync,
  and then in the guard's file; until then its signature has left nobody's memory;
- several messages that leave together share that fsync;
- where the guard has signed at the height at hand and the journal does not know of it, the journal
  is lost, and with it the lock: nothing is signed until the next height, but with `force`;
- a message of ours that comes back from others, and that the guard does not know, ends the node:
  the key signs somewhere else, or this home is older than what it signed.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import structlog
import trio

from consensus.compaction import GROWTH, can_be_cut, compacted
from consensus.events import (
    CommitReceived,
    Evidence,
    Input,
    PolkaReceived,
    ProposalReceived,
    ProposalSigned,
    VoteReceived,
    VoteSigned,
)
from consensus.evidence import signer_of
from consensus.messages import Message, encode_message, votes_of_commit, votes_of_polka
from consensus.state import DriverState
from consensus.types import Commit, Proposal, Vote, VoteKind, proposal_digest, vote_digest
from gtxnode.engine.ports import Observer, Wire
from gtxnode.relay import ConsensusEnvelope
from gtxnode.signer import Place, Signer, Step, WouldSignTwice
from storage.journal import Journal

log = structlog.get_logger(__name__)


class SignedElsewhere(Exception):
    """Our key has signed at a place of which this home knows nothing. Nothing is signed here."""

    code = "signer.signed_elsewhere"

    def __init__(self, place: Place, last: Place) -> None:
        super().__init__(
            f"this validator's key has signed at height {place.height}, round {place.round}, and "
            f"this home last signed at height {last.height}, round {last.round}: the key is in use "
            "elsewhere, or the home is an old copy. Once neither is so, start with --force"
        )
        self.place = place
        self.last = last


class Voice:
    """One chain's journal, and the guard of this node's key; no guard where the node only follows.

    With `force`, nothing is looked for before it signs, and the guard takes up what the key has
    signed elsewhere instead of ending the node.
    """

    def __init__(
        self,
        chain_id: str,
        relay: Wire,
        journal: Journal,
        signer: Signer | None,
        public_key: bytes | None,
        observer: Observer,
        *,
        force: bool,
    ) -> None:
        self._chain_id = chain_id
        self._relay = relay
        self._journal = journal
        self._signer = signer
        self.me = public_key if signer is not None else None
        """The key that we vote with; None for a follower."""
        self._observer = observer
        self._force = force
        self._unsynced = False
        self._silent_to = 0
        """Up to this height nothing is signed."""
        self._cut_bytes = 0
        self._proofs: dict[bytes, Evidence] = {}

    @property
    def looks_first(self) -> bool:
        """Whether the chain is to be looked at before anything is signed."""
        return self.me is not None and not self._force

    def note(self, record: bytes) -> None:
        """Append a record, to be synced with the next message."""
        self._journal.append(record)
        self._unsynced = True

    async def sync(self) -> None:
        """Return once every record survives a power cut."""
        if self._unsynced:
            started = trio.current_time()
            await trio.to_thread.run_sync(self._journal.sync)
            self._unsynced = False
            self._observer.synced(trio.current_time() - started)

    async def say(self, messages: Sequence[Message]) -> None:
        """Send to all, once everything is written down."""
        if not messages:
            return
        await self.sync()
        if self._signer is not None:
            self._signer.keep()
        for message in messages:
            self._relay.broadcast(ConsensusEnvelope(encode_message(message)))

    async def empty_journal(self, max_bytes: int) -> None:
        """Begin the journal anew, between two heights, if it is longer than this."""
        self._proofs.clear()
        if self._journal.size_bytes > max_bytes:
            await self._begin_anew(())

    def remember(self, proof: Evidence) -> None:
        """What the journal proves of others at this height, lest it be cut off: one of each."""
        self._proofs.setdefault(signer_of(proof.first), proof)

    async def cut_journal(self, max_bytes: int, state: DriverState) -> None:
        """Cut the journal to what the state of a height needs, if it is longer than this and has
        grown since it was cut last."""
        limit = max(max_bytes, GROWTH * self._cut_bytes)
        if self._journal.size_bytes > limit and can_be_cut(state):
            await self._begin_anew(compacted(state, self._proofs.values()))
            self._cut_bytes = self._journal.size_bytes
            log.warning("journal_cut", chain=self._chain_id, bytes=self._cut_bytes)

    async def _begin_anew(self, records: Iterable[bytes]) -> None:
        if self._signer is not None:
            # What of ours stood in the old records the guard alone knows from now on.
            await trio.to_thread.run_sync(self._signer.sync)
        await trio.to_thread.run_sync(self._journal.rotate, records)
        self._unsynced = False
        self._cut_bytes = 0

    def sign(self, unsigned: Vote | Proposal) -> Input | None:
        """The signed message, not to leave but by `say`; None where the guard refuses."""
        assert self._signer is not None, "a follower is never asked to sign"
        if unsigned.height <= self._silent_to:
            return None
        try:
            signature = self._signer.sign(*self._place(unsigned))
        except WouldSignTwice as error:
            log.error("refused_to_sign", chain=self._chain_id, reason=str(error))
            return None
        if isinstance(unsigned, Vote):
            return VoteSigned(msgspec.structs.replace(unsigned, signature=signature))
        return ProposalSigned(msgspec.structs.replace(unsigned, signature=signature))

    def recall(self, own: Iterable[Vote | Proposal], height: int) -> None:
        """Tell the guard what the journal has of ours, for a power cut may have taken its own; and
        hold the journal against the guard, for the height at hand."""
        if self._signer is None:
            return
        known: set[Place] = set()
        for message in own:
            height_, round_, step, digest = self._place(message)
            self._signer.recall(height_, round_, step, digest)
            known.add(Place(height_, round_, step))
        last = self._signer.last
        if last.height >= height and last not in known and not self._force:
            self._silent_to = last.height
            log.error(
                "journal_lost",
                chain=self._chain_id,
                journal=str(self._journal.path),
                signed_height=last.height,
                signed_round=last.round,
                silent_to=last.height,
            )

    def mind(self, heard: Input | Commit) -> None:
        """Hold what came from others against the guard, where it bears our signature.

        Raises `SignedElsewhere`. Its signatures have been verified.
        """
        if self._signer is None or self.me is None:
            return
        for message in signed_by(self.me, heard):
            height, round_, step, digest = self._place(message)
            place, last = Place(height, round_, step), self._signer.last
            if place <= last:
                continue
            if not self._force:
                raise SignedElsewhere(place, last)
            self._signer.recall(height, round_, step, digest)

    def _place(self, message: Vote | Proposal) -> tuple[int, int, Step, bytes]:
        if isinstance(message, Vote):
            step = Step.PREVOTE if message.kind is VoteKind.PREVOTE else Step.PRECOMMIT
            return message.height, message.round, step, vote_digest(self._chain_id, message)
        digest = proposal_digest(self._chain_id, message)
        return message.height, message.round, Step.PROPOSE, digest


def signed_by(key: bytes, heard: Input | Commit) -> Iterator[Vote | Proposal]:
    """What a message or certificate carries of one validator's."""
    votes: tuple[Vote, ...] = ()
    match heard:
        case ProposalReceived(verified):
            if verified.proposal.proposer == key:
                yield verified.proposal
            if verified.polka is not None:
                votes = votes_of_polka(verified.polka)
        case VoteReceived(verified):
            votes = (verified.vote,)
        case PolkaReceived(verified):
            votes = votes_of_polka(verified.polka)
        case CommitReceived(verified):
            votes = votes_of_commit(verified.commit)
        case Commit():
            votes = votes_of_commit(heard)
    yield from (vote for vote in votes if vote.validator == key)
