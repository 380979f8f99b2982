"""From an offence that this node has seen proved to the transaction that punishes it, once.

The registry takes evidence of votes and proposals, whichever chain they were signed on; of
checkpoints, each chain takes that about its own. Whoever sees an offence brings it, validator or
not; the pair is put in order, so that all who saw the same two messages on the registry send the
same transaction.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from consensus.checkpoints import SignedCheckpoint
from consensus.evidence import Signed, signer_of
from consensus.types import Commit, CommitSignature, Proposal, Vote
from consensus.validators import ValidatorSet
from gtxnode.chain.registry import Registry
from gtxnode.chain.store import ChainStore
from gtxnode.chain.validators import SetUnknown, ValidatorSets
from gtxnode.ledger.authority.authorities import BarredKeys, barred_coin_id
from gtxnode.ledger.bodies import CheckpointPair, Elsewhere, Evidence, ProposalPair, VotePair
from gtxnode.ledger.coin_view import read_coin
from gtxnode.ledger.registry.validators import Committee, committee_coin_id
from gtxnode.ledger.transactions import UnverifiedTransaction, parse
from gtxnode.ledger.wallet import sign
from gtxnode.primitives.errors import Refused

log = structlog.get_logger(__name__)

MAX_ACCUSED = 4_096
"""Validators and epochs that are remembered; the ledger refuses what is sent again."""
CHECKPOINTS = -1
"""Stands for the epoch of an authority's offence: its keys are barred once and for good."""


@dataclass(frozen=True, slots=True)
class Court:
    """The chain that takes evidence."""

    store: ChainStore
    submit: Callable[[UnverifiedTransaction], object]


class Accuser:
    """Accuses whoever offends on one chain, with this node's key.

    `registry` is the chain that it goes by, None where it is the registry or goes by none.
    """

    def __init__(
        self,
        store: ChainStore,
        sets: ValidatorSets,
        private_key: bytes,
        submit: Callable[[UnverifiedTransaction], object],
        registry: Registry | None = None,
    ) -> None:
        self._store = store
        self._sets = sets
        self._private_key = private_key
        self._here = Court(store, submit)
        self._court = self._here if registry is None else Court(registry.store, registry.submit)
        self._accused: OrderedDict[tuple[bytes, int], None] = OrderedDict()

    def accuse(self, first: Signed, second: Signed) -> bool:
        """Send the evidence, unless it was sent or is known; whether it was.

        The caller has verified both signatures.
        """
        if not self._court.store.parameters.registry:
            return False
        try:
            offender, epoch = signer_of(first), self._sets.epoch(first.height)
            place = None if self._court is self._here else self._place(first.height)
        except SetUnknown as error:
            log.warning("evidence_not_sent", chain=self._store.chain_id, reason=str(error))
            return False
        if epoch is None or (offender, epoch) in self._accused:
            return False
        if self._is_punished(offender, epoch):
            return False
        body = replace(accusation(first, second), place=place)
        return self._send(self._court, (offender, epoch), body)

    def accuse_authority(self, first: SignedCheckpoint, second: SignedCheckpoint) -> bool:
        """Send two checkpoints of one authority, unless that was done or is known; whether it was.

        The caller has verified that they contradict.
        """
        coin = read_coin(self._store, barred_coin_id(self._store.chain_id))
        barred = coin.at(self._store.tip.height) if isinstance(coin, BarredKeys) else frozenset()
        if second.signature < first.signature:
            first, second = second, first
        for key in {first.public_key, second.public_key} - barred:
            if (key, CHECKPOINTS) not in self._accused:
                return self._send(
                    self._here, (key, CHECKPOINTS), Evidence(CheckpointPair(first, second))
                )
        return False

    def _place(self, height: int) -> Elsewhere:
        """Where on our chain a height is, as the registry can check it; raises `SetUnknown`."""
        chain_id = self._store.chain_id
        if height == 1:
            return Elsewhere(chain_id, None, None, 0)
        voters, epoch = self._sets.at(height - 1), self._sets.epoch(height - 1)
        try:
            block, commit = self._store.block(height - 1)
        except KeyError as error:
            raise SetUnknown(height) from error
        return Elsewhere(chain_id, block.header, fewest_signatures(voters, commit), epoch or 0)

    def _send(self, court: Court, offence: tuple[bytes, int], body: Evidence) -> bool:
        chain_id = court.store.chain_id
        signed = sign(chain_id, body, self._private_key)
        try:
            court.submit(parse(chain_id, signed.encoded))
        except Refused as refused:
            # The next pair is another chance, and other nodes have seen this one.
            log.warning("evidence_not_sent", chain=self._store.chain_id, reason=str(refused))
            return False
        self._accused[offence] = None
        if len(self._accused) > MAX_ACCUSED:
            self._accused.popitem(last=False)
        return True

    def _is_punished(self, offender: bytes, epoch: int) -> bool:
        store = self._court.store
        committee = read_coin(store, committee_coin_id(store.chain_id, epoch))
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


def fewest_signatures(voters: ValidatorSet, commit: Commit) -> Commit:
    """The commit with the fewest signatures that prove as much: a transaction has little room."""
    kept: list[CommitSignature] = []
    stake = 0
    by_stake = sorted(commit.signatures, key=lambda each: -voters.stake_of(each.validator))
    for each in by_stake:
        if voters.has_quorum(stake):
            break
        stake += voters.stake_of(each.validator)
        kept.append(each)
    return replace(commit, signatures=tuple(sorted(kept, key=lambda each: each.validator)))
