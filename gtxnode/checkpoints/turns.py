"""Turns: checkpoints whose signers name others for the next. They may be late, but never missed.

Those whom its predecessor names sign a turn before anything newer, and no newer certificate is
taken without it; so certificates lead from the genesis to the newest, whatever was missed between.
Where nobody is left to sign, or nobody was before, there is nothing to lead over: that is a break.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from consensus.authorities import AuthoritySet
from consensus.checkpoints import InvalidCheckpoint
from consensus.errors import Refusal
from gtxnode.chain.store import ChainStore
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.statement import authority_coins, in_force_after
from gtxnode.ledger.authority.authorities import changes, signing_height


@dataclass(frozen=True, slots=True)
class Turn:
    """A checkpoint's height, who signs it, and whom it names; None for nobody."""

    height: int
    signers: AuthoritySet | None
    successors: AuthoritySet | None

    @property
    def is_break(self) -> bool:
        """Whether no certificate can lead over it."""
        return self.signers is None or self.successors is None


def turns(store: ChainStore, after: int = 0) -> Iterator[Turn]:
    """A chain's turns and breaks above a height, up to its tip, rising. On any thread."""
    interval = store.parameters.checkpoints.interval_blocks
    for height in changes(*authority_coins(store), interval):
        if not after < height <= store.tip.height:
            continue
        signers = in_force_after(store, signing_height(height, interval))
        successors = in_force_after(store, height)
        if signers != successors:
            yield Turn(height, signers, successors)


def check_turn(height: int, missing: int | None) -> None:
    """Refuse a certificate that is newer than a turn which has none (`SKIPS_CHECKPOINT`)."""
    if missing is not None and height > missing:
        reason = f"height {height} before {missing}, where authorities change"
        raise InvalidCheckpoint(Refusal.SKIPS_CHECKPOINT, reason)


class Turns:
    """Finds the turn of one chain that has no certificate yet. One caller at a time.

    Who changed is known once the block is final, and turns come in order: what was seen to have
    its certificate is not looked at again.
    """

    def __init__(self, store: ChainStore, archive: CertificateArchive) -> None:
        self._store = store
        self._archive = archive
        self._passed = 0

    def missing(self) -> int | None:
        """The height of the first, None where there is none."""
        for turn in turns(self._store, self._passed):
            if not turn.is_break and self._archive.at(turn.height) is None:
                return turn.height
            self._passed = turn.height
        return None
