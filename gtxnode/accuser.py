"""From an offence that this node has seen proved to the transaction that punishes it, once.

Only the registry takes evidence of votes and proposals; of checkpoints, each chain about its own.
Whoever sees an offence brings it, validator or not; the pair is put in order, so that all who saw
the same two messages send the same transaction.
"""

from collections import OrderedDict
from collections.abc import Callable

import structlog

from consensus.checkpoints import SignedCheckpoint
from consensus.evidence import Signed, signer_of
from consensus.types import Proposal, Vote
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.authorities import BarredKeys, barred_coin_id
from gtxnode.ledger.bodies import CheckpointPair, Evidence, ProposalPair, VotePair
from gtxnode.ledger.coins import decode_coin
from gtxnode.ledger.transactions import UnverifiedTransaction, parse
from gtxnode.ledger.validators import Committee, committee_coin_id, epoch_of
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Refused

log = structlog.get_logger(__name__)

MAX_ACCUSED = 4_096
"""Validators and epochs that are remembered; the ledger refuses what is sent again."""
CHECKPOINTS = -1
"""Stands for the epoch of an authority's offence: its keys are barred once and for good."""


class Accuser:
    """Accuses on one chain, with this node's key."""

    def __init__(
        self,
        store: ChainStore,
        private_key: bytes,
        submit: Callable[[UnverifiedTransaction], object],
    ) -> None:
        self._store = store
        self._private_key = private_key
        self._submit = submit
        self._accused: OrderedDict[tuple[bytes, int], None] = OrderedDict()

    def accuse(self, first: Signed, second: Signed) -> bool:
        """Send the evidence, unless it was sent or is known; whether it was.

        The caller has verified both signatures.
        """
        parameters = self._store.parameters
        if not parameters.registry:
            return False
        offender = signer_of(first)
        epoch = epoch_of(first.height, parameters.staking.epoch_blocks)
        if (offender, epoch) in self._accused or self._is_punished(offender, epoch):
            return False
        return self._send((offender, epoch), accusation(first, second))

    def accuse_authority(self, first: SignedCheckpoint, second: SignedCheckpoint) -> bool:
        """Send two checkpoints of one authority, unless that was done or is known; whether it was.

        The caller has verified that they contradict.
        """
        encoded = self._store.get(barred_coin_id(self._store.chain_id))
        coin = decode_coin(encoded) if encoded is not None else None
        barred = coin.at(self._store.tip.height) if isinstance(coin, BarredKeys) else frozenset()
        if second.signature < first.signature:
            first, second = second, first
        for key in {first.public_key, second.public_key} - barred:
            if (key, CHECKPOINTS) not in self._accused:
                return self._send((key, CHECKPOINTS), Evidence(CheckpointPair(first, second)))
        return False

    def _send(self, offence: tuple[bytes, int], body: Evidence) -> bool:
        signed = sign(self._store.chain_id, body, self._private_key)
        try:
            self._submit(parse(self._store.chain_id, signed.encoded))
        except Refused as refused:
            # The next pair is another chance, and other nodes have seen this one.
            log.warning("evidence_not_sent", chain=self._store.chain_id, reason=str(refused))
            return False
        self._accused[offence] = None
        if len(self._accused) > MAX_ACCUSED:
            self._accused.popitem(last=False)
        return True

    def _is_punished(self, offender: bytes, epoch: int) -> bool:
        encoded = self._store.get(committee_coin_id(self._store.chain_id, epoch))
        committee = decode_coin(encoded) if encoded is not None else None
        return isinstance(committee, Committee) and offender in committee.punished


def accusation(first: Signed, second: Signed) -> Evidence:
    """The body that carries a pair, the same whichever of the two is named first."""
    if second.signature < first.signature:
        first, second = second, first
    if isinstance(first, Vote) and isinstance(second, Vote):
        return Evidence(VotePair(first, second))
    assert isinstance(first, Proposal), "a vote and a proposal do not contradict"
    assert isinstance(second, Proposal), "a vote and a proposal do not contradict"
    return Evidence(ProposalPair(first, second))
