"""An authority's signing guard: one checkpoint for one height, upwards only, in no smaller epoch.

It is the validator's guard (gtxnode/signer.py) with one step and with the epoch in place of the
round, so a second process, a file of another key or chain, and damage are refused alike. The file
says `CHAIN/checkpoints`, so that no validator's guard is ever taken for an authority's.

Invariant: what `sign` signs passes `consensus.checkpoints.may_sign` after what it signed before,
and is on the disk before it returns. `sign_below` signs only what the last word commits to.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import structlog

from consensus import signing
from consensus.checkpoints import (
    Checkpoint,
    SignedCheckpoint,
    checkpoint_digest,
    may_sign_below,
)
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.ledger.authority.authorities import all_authorities
from gtxnode.ledger.parameters import ChainParameters
from gtxnode.signer import Place, Signer, Step, WouldGoBack, WouldSignTwice

log = structlog.get_logger(__name__)


class CheckpointGuard:
    """Signs a chain's checkpoints with one key. Made by `open`; one caller at a time."""

    def __init__(self, signer: Signer, public_key: bytes) -> None:
        self.public_key = public_key
        self._signer = signer

    @classmethod
    def open(cls, path: Path, private_key: bytes, chain_id: str, *, create: bool = False) -> Self:
        """Open the guard at `path`, as `Signer.open` does, and with its errors."""
        signer = Signer.open(path, private_key, f"{chain_id}/checkpoints", create=create)
        return cls(signer, signing.public_key(private_key))

    @property
    def last_height(self) -> int:
        """Of the last checkpoint that was signed, 0 for none."""
        return self._signer.last.height

    def sign(self, checkpoint: Checkpoint) -> SignedCheckpoint:
        """The authority's word; the same again for the last checkpoint. Returns once it is synced.

        Raises WouldSignTwice, WouldGoBack, SignerFailed, StoreClosed.
        """
        last = self._signer.last
        place = Place(checkpoint.height, checkpoint.epoch, Step.CHECKPOINT)
        if place.height == last.height and place != last:
            raise WouldSignTwice(place, last)
        if place.round < last.round:
            raise WouldGoBack(place, last)
        digest = checkpoint_digest(checkpoint)
        signature = self._signer.sign(place.height, place.round, Step.CHECKPOINT, digest)
        self._signer.sync()
        return SignedCheckpoint(checkpoint, self.public_key, signature)

    def sign_below(self, missed: Checkpoint, last: Checkpoint) -> SignedCheckpoint:
        """The word for a checkpoint below the last one signed, which has to be `last`.

        The caller takes both from one chain. Raises WouldGoBack where another was signed last, and
        as `sign` does.
        """
        place = Place(missed.height, missed.epoch, Step.CHECKPOINT)
        if not may_sign_below(last, missed):
            raise WouldGoBack(place, self._signer.last)
        signature = self._signer.sign_below(
            *place[:2], Step.CHECKPOINT, checkpoint_digest(missed), checkpoint_digest(last)
        )
        return SignedCheckpoint(missed, self.public_key, signature)

    def close(self) -> None:
        """Give up the file and its lock."""
        self._signer.close()


@contextmanager
def open_guards(
    chain_id: str,
    parameters: ChainParameters,
    archive: CertificateArchive,
    private_keys: Iterable[bytes],
    path_of: Callable[[bytes], Path],
) -> Iterator[tuple[CheckpointGuard, ...]]:
    """A guard for each key, until the block ends: one that is no authority's may come to be.

    The database remembers for which keys there was a guard: one that is lost later is not made
    again (`Missing`), as it would not know what it signed.
    """
    authorities = all_authorities(parameters)
    with ExitStack() as stack:
        guards = []
        for private_key in private_keys:
            public_key = signing.public_key(private_key)
            if authorities is None or authorities.role_of(public_key) is None:
                log.warning("authority_key_unused", chain=chain_id, public_key=public_key.hex())
            create = not archive.is_guarded(public_key)
            guard = CheckpointGuard.open(path_of(public_key), private_key, chain_id, create=create)
            stack.callback(guard.close)
            archive.note_guard(public_key)
            guards.append(guard)
        yield tuple(guards)
