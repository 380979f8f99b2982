"""From decoded messages to verified inputs.

Pure functions that cost a signature check or more: run them in worker threads. What
fails raises `PeerError` with its reason, to be counted and charged to the sender. Cheap
checks come first, so that rubbish costs little; a vote that was verified before, signature and all,
is not verified again inside a certificate: `known` is the tally of those that were.
"""

from collections.abc import Sequence
from itertools import pairwise

from consensus import light, signing
from consensus.errors import PeerError, Refusal
from consensus.events import (
    CommitReceived,
    Input,
    PolkaReceived,
    ProposalReceived,
    VerifiedCommit,
    VerifiedPolka,
    VerifiedProposal,
    VerifiedVote,
    VoteReceived,
)
from consensus.messages import (
    CommitMessage,
    Message,
    Polka,
    PolkaMessage,
    ProposalMessage,
    VoteMessage,
    commit_from_votes,
    votes_of_polka,
)
from consensus.proposers import ProposerSchedule
from consensus.round import NO_ROUND
from consensus.tally import Tally
from consensus.types import (
    Block,
    Vote,
    VoteKind,
    block_id,
    is_whole,
    proposal_digest,
    vote_digest,
)
from consensus.validators import ValidatorSet

Check = tuple[bytes, bytes, bytes]


def verify_message(
    chain_id: str,
    height: int,
    validators: ValidatorSet,
    proposers: ProposerSchedule,
    message: Message,
    known: Tally | None = None,
) -> Input:
    """The driver's input for a message. `PeerError`."""
    match message:
        case VoteMessage(vote):
            return VoteReceived(verify_vote(chain_id, height, validators, vote))
        case ProposalMessage():
            verified = verify_proposal(chain_id, height, validators, proposers, message, known)
            return ProposalReceived(verified)
        case PolkaMessage(polka):
            return PolkaReceived(verify_polka(chain_id, height, validators, polka, known))
        case CommitMessage():
            commit = verify_commit_message(chain_id, height, validators, message, known)
            return CommitReceived(commit)


def verify_vote(chain_id: str, height: int, validators: ValidatorSet, vote: Vote) -> VerifiedVote:
    """A vote of this height by a validator of the set. `PeerError`."""
    _check_vote_form(height, validators, vote)
    _require(signing.verify(*_vote_check(chain_id, vote)), Refusal.BAD_SIGNATURE, "vote")
    return VerifiedVote(vote)


def verify_votes(
    chain_id: str, height: int, validators: ValidatorSet, votes: Sequence[Vote]
) -> list[VerifiedVote | PeerError]:
    """Many votes in one go, each with its own verdict."""
    verdicts: list[VerifiedVote | PeerError] = []
    for vote in votes:
        try:
            _check_vote_form(height, validators, vote)
            verdicts.append(VerifiedVote(vote))
        except PeerError as error:
            verdicts.append(error)
    formed = [place for place, each in enumerate(verdicts) if isinstance(each, VerifiedVote)]
    held = signing.verify_slice([_vote_check(chain_id, votes[place]) for place in formed])
    for place, holds in zip(formed, held, strict=True):
        if not holds:
            verdicts[place] = PeerError(Refusal.BAD_SIGNATURE, "vote")
    return verdicts


def verify_proposal(
    chain_id: str,
    height: int,
    validators: ValidatorSet,
    proposers: ProposerSchedule,
    message: ProposalMessage,
    known: Tally | None = None,
) -> VerifiedProposal:
    """A proposal by its round's proposer, its block, and its polka if it has one."""
    proposal, block, polka = message.proposal, message.block, message.polka
    _require(proposal.height == height, Refusal.WRONG_HEIGHT, f"{proposal.height}, not {height}")
    _require(
        proposal.valid_round < proposal.round,
        Refusal.BAD_VALID_ROUND,
        f"{proposal.valid_round} is not before {proposal.round}",
    )
    _require(
        proposal.proposer == proposers.proposer(height, proposal.round),
        Refusal.WRONG_PROPOSER,
        f"round {proposal.round} is another's",
    )
    _check_block(chain_id, height, proposal.block_id, block)
    _require(
        proposal.valid_round != NO_ROUND or block.header.proposer == proposal.proposer,
        Refusal.WRONG_PROPOSER,
        "a new block names another than who proposes it",
    )
    digest = proposal_digest(chain_id, proposal)
    signed = signing.verify(proposal.proposer, digest, proposal.signature)
    _require(signed, Refusal.BAD_SIGNATURE, "proposal")
    if polka is not None:
        fits = polka.round == proposal.valid_round and polka.block_id == proposal.block_id
        _require(fits, Refusal.BAD_VALID_ROUND, "the polka is not the valid round's")
        verify_polka(chain_id, height, validators, polka, known)
    return VerifiedProposal(proposal, block, polka)


def verify_polka(
    chain_id: str,
    height: int,
    validators: ValidatorSet,
    polka: Polka,
    known: Tally | None = None,
) -> VerifiedPolka:
    """Prevotes of two thirds for one block in one round. `PeerError`."""
    _require(polka.height == height, Refusal.WRONG_HEIGHT, f"{polka.height}, not {height}")
    votes = votes_of_polka(polka)
    in_order = all(first.validator < second.validator for first, second in pairwise(votes))
    _require(in_order, Refusal.DUPLICATE_SIGNER, "signers are not in strict order")
    for vote in votes:
        _check_vote_form(height, validators, vote)
    stake = sum(validators.stake_of(vote.validator) for vote in votes)
    _require(validators.has_quorum(stake), Refusal.NOT_ENOUGH_STAKE, "no two thirds")
    new = [vote for vote in votes if known is None or known.find(vote) != vote]
    held = signing.verify_slice([_vote_check(chain_id, vote) for vote in new])
    _require(all(held), Refusal.BAD_SIGNATURE, "a signature in the polka does not hold")
    return VerifiedPolka(polka)


def verify_commit_message(
    chain_id: str,
    height: int,
    validators: ValidatorSet,
    message: CommitMessage,
    known: Tally | None = None,
) -> VerifiedCommit:
    """A commit of this height with the block that it makes final. `PeerError`."""
    commit, block = message.commit, message.block
    _require(commit.height == height, Refusal.WRONG_HEIGHT, f"{commit.height}, not {height}")
    _check_block(chain_id, height, commit.block_id, block)
    counted = () if known is None else known.votes(commit.round, VoteKind.PRECOMMIT).values()
    precommits = [vote for vote in counted if vote.block_id == commit.block_id]
    light.verify_commit(
        chain_id,
        validators,
        commit.block_id,
        height,
        commit,
        known=commit_from_votes(precommits) if precommits else None,
    )
    return VerifiedCommit(commit, block)


def _check_vote_form(height: int, validators: ValidatorSet, vote: Vote) -> None:
    _require(vote.height == height, Refusal.WRONG_HEIGHT, f"{vote.height}, not {height}")
    _require(vote.validator in validators, Refusal.UNKNOWN_VALIDATOR, vote.validator.hex())
    explained = vote.kind is VoteKind.PREVOTE and vote.block_id is not None
    _require(
        vote.valid_round < vote.round if explained else vote.valid_round == -1,
        Refusal.BAD_VALID_ROUND,
        "only a prevote for a block has one, from an earlier round",
    )


def _check_block(chain_id: str, height: int, expected_id: bytes, block: Block) -> None:
    header = block.header
    _require(
        header.chain_id == chain_id and header.height == height,
        Refusal.BLOCK_MISMATCH,
        f"block {header.height} of {header.chain_id}",
    )
    _require(block_id(header) == expected_id, Refusal.BLOCK_MISMATCH, "another block's id")
    _require(
        is_whole(block),
        Refusal.BLOCK_MISMATCH,
        "the body is not the header's",
    )


def _vote_check(chain_id: str, vote: Vote) -> Check:
    return vote.validator, vote_digest(chain_id, vote), vote.signature


def _require(holds: bool, reason: Refusal, detail: str) -> None:
    if not holds:
        raise PeerError(reason, detail)
