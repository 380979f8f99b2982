"""What peers bring of checkpoints: words and certificates, refused by name or taken.

Refusals are counted by reason and charged to whoever brought it. Every refusal is a `PeerError`.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from consensus.authorities import AuthoritySet
from consensus.checkpoints import (
    Certificate,
    Checkpoint,
    CrossesCheckpoint,
    InvalidCheckpoint,
    SignedCheckpoint,
    certify,
    verify,
    verify_signed,
)
from consensus.errors import PeerError, Refusal
from gtxnode.checkpoints.statement import Statements
from gtxnode.checkpoints.trust import Trust, followed
from gtxnode.checkpoints.turns import check_turn
from gtxnode.checkpoints.words import Words
from p2p.identity import PeerId
from p2p.network import Offence

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """What is told to those who measure."""

    def checkpoint(self, height: int, lag_blocks: int) -> None:
        """The newest checkpoint that certificates lead to, and how many blocks came after."""

    def turn_missing(self, height: int) -> None:
        """The checkpoint at which authorities change and that has no certificate; 0 for none."""

    def refused_checkpoint(self, reason: str) -> None:
        """A peer's word or certificate was refused."""

    def conflicting_checkpoints(self) -> None:
        """An authority contradicted itself, or enough of them what is final here."""


class Collector:
    """The words for one chain's checkpoints. `accuse` brings two that contradict to the chain."""

    def __init__(
        self,
        statements: Statements,
        charge: Callable[[PeerId, Offence], None],
        accuse: Callable[[SignedCheckpoint, SignedCheckpoint], bool],
        observer: Observer,
    ) -> None:
        self._statements = statements
        self._chain_id = statements.store.chain_id
        self._charge = charge
        self._accuse = accuse
        self._observer = observer
        self._words = Words()

    def take(self, peer: PeerId, word: SignedCheckpoint, stated: Checkpoint | None) -> bool:
        """Take a peer's word; whether it may count. `stated`: what is final here at its height.

        The caller bounds the heights.
        """
        if self._words.knows(word):
            self._observer.refused_checkpoint(Refusal.DUPLICATE)
            return False
        try:
            authorities = self._authorities(word.checkpoint.height)
            role = verify_signed(self._chain_id, authorities, word)
            self._note(role, word)
            if stated is not None and stated != word.checkpoint:
                reason = f"role {role} at height {stated.height}"
                raise InvalidCheckpoint(Refusal.WRONG_BLOCK, reason)
        except PeerError as error:
            self.refuse(peer, error)
            return False
        return True

    def take_own(self, role: int, word: SignedCheckpoint) -> None:
        """Take a word that was signed here."""
        self._note(role, word)

    def certificate(self, stated: Checkpoint) -> Certificate | None:
        """The certificate that the words for a checkpoint make, None while they are too few."""
        authorities = self._statements.authorities(stated.height)
        if authorities is None:
            return None
        return certify(authorities, self._words.about(stated, authorities))

    def heard(self, height: int) -> list[int]:
        """The roles whose words for a checkpoint are here."""
        return self._words.roles(height)

    def verified(self, certificate: Certificate) -> Checkpoint:
        """What those signed who have to, as the state here says; raises `PeerError`."""
        authorities = self._authorities(certificate.checkpoint.height)
        return verify(self._chain_id, authorities, certificate).checkpoint

    def convict(self, certificate: Certificate) -> None:
        """Take the words of a certificate that contradicts what is final: whoever has said, or says
        later, what is final is accused with both."""
        stated = certificate.checkpoint
        authorities = self._statements.authorities(stated.height)
        if authorities is None:
            return
        for each in certificate.signatures:
            role = authorities.role_of(each.public_key)
            if role is not None:
                self._note(role, SignedCheckpoint(stated, each.public_key, each.signature))

    def followed(
        self, authorities: AuthoritySet, after: int, lead: Trust, turn: int | None
    ) -> tuple[Certificate, ...]:
        """The certificates that lead on from a height and those who sign there, over a turn that is
        missing here.

        On any thread. Raises `PeerError`.
        """
        certificates = followed(self._chain_id, authorities, lead)
        heights = [each.checkpoint.height for each in certificates]
        for height in heights:
            self._check_due(height)
        if heights[0] <= after:
            reason = f"height {heights[0]} after {after}"
            raise CrossesCheckpoint(Refusal.CROSSES_CHECKPOINT, reason)
        check_turn(heights[-1], turn if turn not in heights else None)
        return certificates

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Forget the words for all other heights."""
        self._words.keep(wanted)

    def refuse(self, peer: PeerId, error: PeerError) -> None:
        """Count and charge what a peer brought."""
        log.warning("checkpoint_refused", chain=self._chain_id, peer=peer, reason=str(error))
        self._observer.refused_checkpoint(error.reason)
        bad = error.reason is Refusal.BAD_SIGNATURE
        self._charge(peer, Offence.BAD_SIGNATURE if bad else Offence.INVALID)

    def _authorities(self, height: int) -> AuthoritySet:
        self._check_due(height)
        authorities = self._statements.authorities(height)
        if authorities is None:
            raise InvalidCheckpoint(Refusal.UNKNOWN_AUTHORITY, "there are none, or too few")
        return authorities

    def _check_due(self, height: int) -> None:
        if height % self._statements.interval_blocks:
            raise InvalidCheckpoint(Refusal.WRONG_HEIGHT, f"none is due at height {height}")

    def _note(self, role: int, word: SignedCheckpoint) -> None:
        earlier = self._words.take(role, word)
        if earlier is not None:
            log.error(
                "authority_contradicts_itself",
                chain=self._chain_id,
                role=role,
                first=repr(earlier),
                second=repr(word),
                accused=self._accuse(earlier, word),
            )
            self._observer.conflicting_checkpoints()
